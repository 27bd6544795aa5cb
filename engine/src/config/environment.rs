//! `PREMEND_SECTION__KEY` as a figment provider.
//!
//! figment's own reads the process environment and guesses types, so that a password of digits
//! becomes a number and a key with leading zeros another key. Here the variables are passed in and
//! those that hold text stay text. Names meant for the scripts and tests are left alone; any other
//! name is a key, so that a mistyped one is reported as unknown.

use figment::value::{Dict, Map, Value};
use figment::{Error, Metadata, Profile, Provider};

const PREFIX: &str = "PREMEND_";
/// Not configuration: where the file is, and what the tests and scripts tell each other.
const NOT_KEYS: [&str; 4] = ["CONFIG", "TEST_", "BENCH_", "TORTURE"];
/// Last parts of keys whose values are never anything but text.
const TEXT: [&str; 9] =
    ["url", "password", "engine_password", "username", "key", "secret", "client_id", "filter", "host"];

/// The variables that are configuration.
pub struct Environment(Vec<(String, String)>);

impl Environment {
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let keys = variables.into_iter().filter_map(|(name, value)| {
            let key = name.strip_prefix(PREFIX)?;
            let ours = !NOT_KEYS.iter().any(|other| key.starts_with(other));
            ours.then(|| (key.to_ascii_lowercase(), value))
        });
        Self(keys.collect())
    }
}

impl Provider for Environment {
    fn metadata(&self) -> Metadata {
        Metadata::named("environment")
            .interpolater(|_, path| format!("{PREFIX}{}", path.join("__").to_ascii_uppercase()))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let mut root = Dict::new();
        for (key, text) in &self.0 {
            let path: Vec<&str> = key.split("__").collect();
            insert(&mut root, &path, value_of(key, text));
        }
        Ok(Profile::Default.collect(root))
    }
}

fn value_of(key: &str, text: &str) -> Value {
    let last = key.rsplit("__").next().unwrap_or(key);
    if TEXT.contains(&last) {
        return Value::from(text);
    }
    text.parse().unwrap_or_else(|_| Value::from(text))
}

fn insert(into: &mut Dict, path: &[&str], value: Value) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    if rest.is_empty() {
        into.insert((*first).to_owned(), value);
        return;
    }
    let slot = into.entry((*first).to_owned()).or_insert_with(|| Value::from(Dict::new()));
    if let Value::Dict(_, inner) = slot {
        insert(inner, rest, value);
    }
}
