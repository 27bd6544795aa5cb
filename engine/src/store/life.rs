//! Lives of vehicles: what keeps the ids of one state apart from those of the state that was erased or lost.

use std::collections::{BTreeSet, HashMap};

use rules::vehicle::{Life, VehicleId};
use sqlx::{PgConnection, query};

use crate::crm::order_state::{OrderState, Phase};

/// The life a vehicle has in the store, wherever it is not the first.
pub async fn all(conn: &mut PgConnection) -> sqlx::Result<HashMap<VehicleId, Life>> {
    let rows = query!("select vehicle_id, life from vehicle where life > 0").fetch_all(conn).await?;
    let lives = rows.into_iter().filter_map(|row| {
        let life = Life(u32::try_from(row.life).unwrap_or(u32::MAX));
        Some((VehicleId::try_new(&row.vehicle_id).ok()?, life))
    });
    Ok(lives.collect())
}

/// A vehicle has this life from now on; it never goes back to an earlier one.
pub async fn raise(conn: &mut PgConnection, vehicle: &VehicleId, life: Life) -> sqlx::Result<()> {
    let life = i32::try_from(life.0).unwrap_or(i32::MAX);
    query!("update vehicle set life = greatest(life, $2) where vehicle_id = $1", vehicle.as_str(), life)
        .execute(conn)
        .await?;
    Ok(())
}

/// Gives a new life to every vehicle that had a state and has none in `held` any more: its snapshot was lost, and the
/// journal does not reach back far enough. What people said of it is applied again. Returns the vehicles.
pub async fn revive_lost(conn: &mut PgConnection, held: &BTreeSet<&str>) -> sqlx::Result<Vec<String>> {
    // Without a case nothing was counted; what was erased had its cases before.
    let heard = query!(
        r#"select vehicle_id from vehicle v
           where exists (select from vehicle_case c left join erased_vehicle e using (vehicle_id)
                         where c.vehicle_id = v.vehicle_id and c.opened_received_at > coalesce(e.erased_at, '-infinity'))"#
    )
    .fetch_all(&mut *conn)
    .await?;
    let lost: Vec<String> = heard.into_iter().map(|row| row.vehicle_id).filter(|id| !held.contains(&**id)).collect();
    if lost.is_empty() {
        return Ok(lost);
    }
    withdraw(conn, &lost).await?;
    query!("update vehicle set life = life + 1 where vehicle_id = any($1)", &lost).execute(&mut *conn).await?;
    query!(
        "update command set applied_at = null
         where vehicle_id = any($1)
           and body ?| array['Register', 'Consent', 'Owner', 'Attribute', 'Software', 'Tier', 'ServiceDone']",
        &lost
    )
    .execute(conn)
    .await?;
    Ok(lost)
}

/// Ends what nothing could end any more: open cases of states that are gone. What still holds is found again.
async fn withdraw(conn: &mut PgConnection, vehicles: &[String]) -> sqlx::Result<()> {
    query!(
        r#"update finding set status = 'withdrawn', closed_at = greatest(finding.opened_at, now()),
               closed_because = '{"zh-CN": "车辆状态已丢失，将重新判断", "en": "the vehicle''s state was lost; what still holds is found again"}'
           from vehicle_case c
           where c.case_id = finding.case_id and c.vehicle_id = any($1) and c.status = 'open' and finding.status = 'open'"#,
        vehicles
    )
    .execute(&mut *conn)
    .await?;
    query!(
        "update review set state = 'gone' from vehicle_case c
         where c.case_id = review.case_id and c.vehicle_id = any($1) and c.status = 'open' and review.state = 'waiting'",
        vehicles
    )
    .execute(&mut *conn)
    .await?;
    query!(
        "update vehicle_case set status = 'withdrawn', closed_at = greatest(opened_at, now())
         where vehicle_id = any($1) and status = 'open'",
        vehicles
    )
    .execute(&mut *conn)
    .await?;
    // Orders belong to people: the advisor who has one decides what becomes of it.
    query!(
        r#"update work_order set version = version + 1, flagged_because =
               '{"zh-CN": "车辆状态曾丢失，请核对该工单是否仍需要", "en": "the vehicle''s state was lost: check whether the order is still needed"}'
           where vehicle_id = any($1) and state = any($2)"#,
        vehicles,
        &OrderState::words_where(may_still_be_needed)
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Somebody may still do something about the order: neither over, nor without a fault, nor without a car.
fn may_still_be_needed(state: OrderState) -> bool {
    state.phase() != Phase::Over && !matches!(state, OrderState::NoFaultFound | OrderState::NoShow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::fixture::{NOON, Scene, Wanted};
    use crate::store::session::{As, begin_as};

    #[sqlx::test]
    async fn a_lost_state_begins_another_life_and_a_held_one_does_not(pool: sqlx::PgPool) {
        let scene = Scene::at(pool, NOON).await;
        scene.enqueue("heard", Wanted::default()).await;
        let mut tx = begin_as(&scene.pool, As::Engine).await.unwrap();
        let id = scene.vehicle.clone();
        assert!(revive_lost(&mut tx, &BTreeSet::from([id.as_str()])).await.unwrap().is_empty());
        assert!(all(&mut tx).await.unwrap().is_empty());
        let lost = revive_lost(&mut tx, &BTreeSet::new()).await.unwrap();
        assert_eq!(lost, [id.as_str()]);
        assert_eq!(all(&mut tx).await.unwrap(), HashMap::from([(id.clone(), Life(1))]));
        raise(&mut tx, &id, Life(3)).await.unwrap();
        raise(&mut tx, &id, Life(2)).await.unwrap();
        assert_eq!(all(&mut tx).await.unwrap()[&id], Life(3));
    }
}
