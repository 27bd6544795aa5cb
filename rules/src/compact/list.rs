//! Lists that most vehicles never put anything into: eight bytes until they do, instead of 24 or 32.

use std::collections::{VecDeque, vec_deque};
use std::fmt;
use std::ops::{Deref, DerefMut, RangeInclusive};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A vector behind a pointer that is empty as long as the vector is.
#[derive(Clone)]
#[expect(clippy::box_collection, reason = "a third of the size where it is empty, which it nearly always is")]
pub struct List<T>(Option<Box<Vec<T>>>);

/// Grows a boxed slice by no more than is needed: there are many vehicles.
pub fn insert_one<T>(all: &mut Box<[T]>, place: usize, value: T) {
    let mut list = std::mem::take(all).into_vec();
    list.reserve_exact(1);
    list.insert(place, value);
    *all = list.into();
}

impl<T> List<T> {
    pub const fn new() -> Self {
        Self(None)
    }

    /// Grows by no more than is needed: there are many vehicles, and few in each list.
    pub fn push(&mut self, value: T) {
        let all = self.all();
        all.reserve_exact(1);
        all.push(value);
    }

    pub fn insert(&mut self, at: usize, value: T) {
        let all = self.all();
        all.reserve_exact(1);
        all.insert(at, value);
    }

    pub fn remove(&mut self, at: usize) -> T {
        let value = self.all().remove(at);
        self.retain(|_| true);
        value
    }

    /// Keeps its room, for lists that fill and empty all the time.
    pub fn swap_remove(&mut self, at: usize) -> T {
        self.all().swap_remove(at)
    }

    /// Drops what is not wanted, and the memory with the last of it.
    pub fn retain(&mut self, mut wanted: impl FnMut(&T) -> bool) {
        self.retain_mut(|value| wanted(value));
    }

    pub fn retain_mut(&mut self, wanted: impl FnMut(&mut T) -> bool) {
        if let Some(all) = &mut self.0 {
            all.retain_mut(wanted);
            if all.is_empty() {
                self.0 = None;
            }
        }
    }

    pub fn clear(&mut self) {
        self.0 = None;
    }

    /// For how many there is room.
    pub fn capacity(&self) -> usize {
        self.0.as_ref().map_or(0, |all| all.capacity())
    }

    fn all(&mut self) -> &mut Vec<T> {
        self.0.get_or_insert_default()
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Deref for List<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }
}

impl<T> DerefMut for List<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.0.as_deref_mut().map_or(&mut [], Vec::as_mut_slice)
    }
}

impl<T> From<Vec<T>> for List<T> {
    fn from(all: Vec<T>) -> Self {
        Self((!all.is_empty()).then(|| Box::new(all)))
    }
}

impl<T> From<List<T>> for Vec<T> {
    fn from(list: List<T>) -> Self {
        list.0.map_or_else(Self::new, |all| *all)
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(all: I) -> Self {
        let mut all: Vec<T> = all.into_iter().collect();
        all.shrink_to_fit();
        all.into()
    }
}

impl<T> IntoIterator for List<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;
    fn into_iter(self) -> Self::IntoIter {
        Vec::from(self).into_iter()
    }
}

impl<'a, T> IntoIterator for &'a List<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a, T> IntoIterator for &'a mut List<T> {
    type Item = &'a mut T;
    type IntoIter = std::slice::IterMut<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

impl<T: PartialEq> PartialEq for List<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: fmt::Debug> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: Serialize> Serialize for List<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut all: Vec<T> = Vec::deserialize(deserializer)?;
        all.shrink_to_fit();
        Ok(all.into())
    }
}

/// A queue behind a pointer that is empty as long as the queue is.
#[derive(Clone, Debug)]
#[expect(clippy::box_collection, reason = "a quarter of the size where it is empty, which it nearly always is")]
pub struct Queue<T>(Option<Box<VecDeque<T>>>);

impl<T> Queue<T> {
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |all| all.len())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn iter(&self) -> vec_deque::Iter<'_, T> {
        self.0.as_ref().map_or_else(vec_deque::Iter::default, |all| all.iter())
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().flat_map(|all| all.iter_mut())
    }

    pub fn front(&self) -> Option<&T> {
        self.0.as_ref()?.front()
    }

    pub fn push_back(&mut self, value: T) {
        self.0.get_or_insert_default().push_back(value);
    }

    pub fn pop_front(&mut self) -> Option<T> {
        let first = self.0.as_mut()?.pop_front();
        self.free();
        first
    }

    pub fn insert(&mut self, at: usize, value: T) {
        self.0.get_or_insert_default().insert(at, value);
    }

    pub fn partition_point(&self, before: impl FnMut(&T) -> bool) -> usize {
        self.0.as_ref().map_or(0, |all| all.partition_point(before))
    }

    /// Takes out what stands from place to place; nothing from an empty queue.
    pub fn take(&mut self, places: RangeInclusive<usize>) -> Vec<T> {
        let taken = self.0.as_mut().map_or_else(Vec::new, |all| all.drain(places).collect());
        self.free();
        taken
    }

    /// Takes everything out.
    pub fn take_all(&mut self) -> VecDeque<T> {
        self.0.take().map_or_else(VecDeque::new, |all| *all)
    }

    /// Gives memory back: most vehicles never wait again after a gap.
    fn free(&mut self) {
        if self.is_empty() {
            self.0 = None;
        }
    }
}

impl<'a, T> IntoIterator for &'a Queue<T> {
    type Item = &'a T;
    type IntoIter = vec_deque::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: PartialEq> PartialEq for Queue<T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<T: Serialize> Serialize for Queue<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Queue<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let all: VecDeque<T> = VecDeque::deserialize(deserializer)?;
        Ok(Self((!all.is_empty()).then(|| Box::new(all))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_empty_is_a_pointer_and_nothing_behind_it() {
        let mut list = List::new();
        assert_eq!((size_of::<List<u64>>(), list.capacity(), list.len()), (8, 0, 0));
        list.push(1_u64);
        assert_eq!((list.capacity(), &*list), (1, &[1][..]));
        list.remove(0);
        assert_eq!(list.capacity(), 0);
        let mut queue = Queue::default();
        queue.push_back(1_u64);
        assert_eq!((size_of::<Queue<u64>>(), queue.pop_front(), queue.0.is_none()), (8, Some(1), true));
    }

    #[test]
    fn is_written_as_what_it_holds() {
        let list = List::from(vec![1_u32, 2]);
        let bytes = postcard::to_stdvec(&list).unwrap();
        assert_eq!(bytes, postcard::to_stdvec(&vec![1_u32, 2]).unwrap());
        assert_eq!(postcard::from_bytes::<List<u32>>(&bytes).unwrap(), list);
    }
}
