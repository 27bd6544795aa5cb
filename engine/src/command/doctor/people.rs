//! Keys of personal data, and whether all rows can be read with them.

use sqlx::PgPool;

use super::check::Check;
use crate::config::Config;

pub fn look_at_keys(config: &Config, checks: &mut Vec<Check>) {
    checks.push(match config.person.keys() {
        Ok(keys) => {
            let found = format!("key {} encrypts, {} more only decrypt", keys.current.key_id, keys.retired.len());
            Check::good("person.keys", found)
        }
        Err(error) => {
            let remedy =
                "`openssl rand -hex 32` makes a key; name its file in person.key_file, readable by premend only";
            Check::wrong("person.keys", error.to_string(), remedy)
        }
    });
}

/// Rows under a key that is not configured can no longer be read by anybody.
pub async fn look_at_rows(pool: &PgPool, config: &Config, checks: &mut Vec<Check>) {
    const NAME: &str = "person.rows";
    let used = match keys_in_use(pool).await {
        Ok(used) => used,
        Err(error) => {
            checks.push(Check::failed(NAME, &error));
            return;
        }
    };
    let known =
        |key: &i16| *key == config.person.key_id || config.person.retired.iter().any(|retired| retired.key_id == *key);
    let unknown: Vec<String> = used.iter().filter(|key| !known(key)).map(ToString::to_string).collect();
    checks.push(if unknown.is_empty() {
        Check::good(NAME, "every row's key is configured")
    } else {
        let found = format!("rows are encrypted under key {}, which is not configured", unknown.join(", "));
        Check::wrong(NAME, found, "add it under [[person.retired]]; without it these names and phones are lost")
    });
}

async fn keys_in_use(pool: &PgPool) -> sqlx::Result<Vec<i16>> {
    let mut transaction = pool.begin().await?;
    // Numbers only, of all dealers; nothing personal is read.
    sqlx::query!("select set_config('premend.dealer_id', '*', true)").fetch_one(&mut *transaction).await?;
    sqlx::query_scalar!(
        r#"select key_id as "key_id!" from person.person union select key_id from person.vehicle_identity order by 1"#
    )
    .fetch_all(&mut *transaction)
    .await
}
