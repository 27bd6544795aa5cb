//! Who may connect to the embedded broker, and what a client may say and hear.
//!
//! rumqttd itself lets every client publish and subscribe to everything. Here a client is the
//! vehicle that its client id names: it speaks on that vehicle's telemetry topic and listens on that
//! vehicle's down topic, and nothing else. A client id that begins with `@` is an engine.

use std::collections::HashMap;
use std::io;

use hmac::{Hmac, KeyInit, Mac};
use rules::vehicle::VehicleId;
use rumqttd::protocol::{LastWill, Login};
use sha2::{Digest, Sha256};

use super::config::{BrokerConfig, Credentials};
use crate::secret::Secret;
use crate::topic;

/// What an engine's client id begins with; no vehicle's can.
pub const ENGINE_PREFIX: char = '@';

/// Why a connection was closed by us. Closed, so that it can label a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// No, or no valid, first packet in time.
    NoConnect,
    /// The client id is no vehicle id.
    ClientId,
    Credentials,
    /// A will of an engine.
    Will,
    /// Not MQTT 3.1.1, or a packet that no client sends.
    Packet,
    /// A packet other than a publish beyond the size limit.
    TooLarge,
    /// Silent for longer than its keep-alive allows.
    KeepAlive,
    /// Did not take what was written to it.
    Slow,
    /// The same client connected again.
    Replaced,
    /// No room, or the broker is gone.
    Unavailable,
}

impl Cause {
    pub const ALL: [Self; 10] = [
        Self::NoConnect,
        Self::ClientId,
        Self::Credentials,
        Self::Will,
        Self::Packet,
        Self::TooLarge,
        Self::KeepAlive,
        Self::Slow,
        Self::Replaced,
        Self::Unavailable,
    ];

    /// The word in metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::NoConnect => "no_connect",
            Self::ClientId => "client_id",
            Self::Credentials => "credentials",
            Self::Will => "will",
            Self::Packet => "packet",
            Self::TooLarge => "too_large",
            Self::KeepAlive => "keep_alive",
            Self::Slow => "slow",
            Self::Replaced => "replaced",
            Self::Unavailable => "unavailable",
        }
    }
}

/// What a connected client is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    Vehicle(VehicleId),
    /// An engine of ours: hears all vehicles and speaks to them.
    Engine,
}

/// Checks clients against the configured credentials.
pub struct Access {
    proof: Proof,
    engine_password: Option<Secret>,
    /// Engines may connect without a password.
    open_engines: bool,
}

enum Proof {
    None,
    Token(Secret),
    Hashes(HashMap<String, [u8; 32]>),
}

/// Why credentials cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    #[error("cannot read the password file")]
    Read(#[source] io::Error),
    #[error("line {0} of the password file is not `vehicle:sha256`")]
    Line(usize),
}

impl Access {
    /// `standalone`: this broker has no engine in its process.
    pub fn load(config: &BrokerConfig, standalone: bool) -> Result<Self, AccessError> {
        let proof = match &config.credentials {
            Credentials::Open => Proof::None,
            Credentials::Token { secret } => Proof::Token(secret.clone()),
            Credentials::File { path } => {
                Proof::Hashes(parse(&std::fs::read_to_string(path).map_err(AccessError::Read)?)?)
            }
        };
        let open_engines = standalone && config.credentials == Credentials::Open;
        Ok(Self { proof, engine_password: config.engine_password.clone(), open_engines })
    }

    /// What the client of a CONNECT is, if it is what it says.
    pub fn admit(&self, client: &str, login: Option<&Login>, will: Option<&LastWill>) -> Result<Role, Cause> {
        if client.starts_with(ENGINE_PREFIX) {
            return self.admit_engine(login, will);
        }
        // A vehicle's will is judged by its topic later: refusing the connection over it would keep
        // the vehicle out for ever.
        let vehicle = VehicleId::try_new(client).map_err(|_| Cause::ClientId)?;
        let proven = match (&self.proof, login) {
            (Proof::None, _) => true,
            (_, None) => false,
            (Proof::Token(secret), Some(login)) => {
                login.username == client && equal(token(secret, client).as_bytes(), login.password.as_bytes())
            }
            (Proof::Hashes(hashes), Some(login)) => {
                let hash = Sha256::digest(login.password.as_bytes());
                login.username == client && hashes.get(client).is_some_and(|known| equal(known, &hash))
            }
        };
        if !proven {
            return Err(Cause::Credentials);
        }
        Ok(Role::Vehicle(vehicle))
    }

    fn admit_engine(&self, login: Option<&Login>, will: Option<&LastWill>) -> Result<Role, Cause> {
        let proven = match (&self.engine_password, login) {
            (Some(password), Some(login)) => equal(password.expose().as_bytes(), login.password.as_bytes()),
            (Some(_), None) => false,
            (None, _) => self.open_engines,
        };
        match (proven, will) {
            (false, _) => Err(Cause::Credentials),
            (true, Some(_)) => Err(Cause::Will),
            (true, None) => Ok(Role::Engine),
        }
    }
}

impl Role {
    pub fn may_publish(&self, topic: &str) -> bool {
        match self {
            Self::Vehicle(vehicle) => topic::vehicle_of(topic) == Some(vehicle.as_str()),
            Self::Engine => topic::listener_of(topic).is_some(),
        }
    }

    pub fn may_subscribe(&self, filter: &str) -> bool {
        match self {
            Self::Vehicle(vehicle) => topic::listener_of(filter) == Some(vehicle.as_str()),
            Self::Engine => filter == topic::TELEMETRY_FILTER,
        }
    }
}

/// The password of a vehicle under a shared secret: hexadecimal HMAC-SHA256 of its id.
pub fn token(secret: &Secret, vehicle: &str) -> String {
    use std::fmt::Write as _;
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else {
        return String::new();
    };
    mac.update(vehicle.as_bytes());
    let mut text = String::with_capacity(64);
    for byte in mac.finalize().into_bytes() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Compares in time that does not depend on where they differ.
fn equal(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |differences, (a, b)| differences | (a ^ b)) == 0
}

fn parse(text: &str) -> Result<HashMap<String, [u8; 32]>, AccessError> {
    let mut hashes = HashMap::new();
    for (place, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let entry = line.split_once(':').and_then(|(vehicle, hash)| Some((vehicle.trim(), hex(hash.trim())?)));
        let (vehicle, hash) = entry.ok_or(AccessError::Line(place + 1))?;
        hashes.insert(vehicle.to_owned(), hash);
    }
    Ok(hashes)
}

fn hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(place * 2..place * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(username: &str, password: &str) -> Login {
        Login { username: username.to_owned(), password: password.to_owned() }
    }

    fn access(credentials: Credentials) -> Access {
        Access::load(&BrokerConfig { credentials, ..BrokerConfig::default() }, false).unwrap()
    }

    #[test]
    fn a_token_proves_one_vehicle_only() {
        let secret = Secret::new("a secret of the fleet");
        let access = access(Credentials::Token { secret: secret.clone() });
        let password = token(&secret, "car-1");
        assert!(access.admit("car-1", Some(&login("car-1", &password)), None).is_ok());
        for (client, user, password) in [
            ("car-2", "car-1", &password[..]),
            ("car-2", "car-2", &password),
            ("car-1", "car-2", &password),
            ("car-1", "car-1", ""),
            ("car-1", "car-1", &password[1..]),
        ] {
            assert_eq!(
                access.admit(client, Some(&login(user, password)), None),
                Err(Cause::Credentials),
                "{client} {user}"
            );
        }
        assert_eq!(access.admit("car-1", None, None), Err(Cause::Credentials));
    }

    #[test]
    fn a_password_file_is_read_and_checked() {
        let hashes =
            parse("# fleet\n\ncar-1: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n").unwrap();
        let access = Access { proof: Proof::Hashes(hashes), engine_password: None, open_engines: false };
        assert!(access.admit("car-1", Some(&login("car-1", "test")), None).is_ok());
        assert_eq!(access.admit("car-1", Some(&login("car-1", "Test")), None), Err(Cause::Credentials));
        assert_eq!(access.admit("car-2", Some(&login("car-2", "test")), None), Err(Cause::Credentials));
        assert!(matches!(parse("car-1:zz"), Err(AccessError::Line(1))));
    }

    #[test]
    fn a_vehicle_speaks_and_listens_for_itself() {
        let role = access(Credentials::Open).admit("car-1", None, None).unwrap();
        assert!(role.may_publish("premend/v1/car-1/telemetry"));
        assert!(role.may_subscribe("premend/v1/car-1/down"));
        for topic in
            ["premend/v1/car-2/telemetry", "premend/v1/car-1/down", "premend/v1/car-1/telemetry/x", "#", "other"]
        {
            assert!(!role.may_publish(topic), "{topic}");
        }
        for filter in
            ["premend/v1/+/down", "premend/v1/car-2/down", "#", "$share/g/premend/v1/car-1/down", "premend/v1/car-1/#"]
        {
            assert!(!role.may_subscribe(filter), "{filter}");
        }
    }

    #[test]
    fn ids_are_vehicle_ids() {
        let access = access(Credentials::Open);
        for id in ["", "a/b", "a+b", "#", "a b", "LSVAA41870C123456"] {
            assert_eq!(access.admit(id, None, None), Err(Cause::ClientId), "{id}");
        }
    }

    #[test]
    fn engines_need_a_password_or_an_open_standalone_broker() {
        assert_eq!(access(Credentials::Open).admit("@engine", None, None), Err(Cause::Credentials));
        let standalone = Access::load(&BrokerConfig::default(), true).unwrap();
        assert_eq!(standalone.admit("@engine", None, None), Ok(Role::Engine));
        let config = BrokerConfig { engine_password: Some(Secret::new("pass")), ..BrokerConfig::default() };
        let closed = Access::load(&config, true).unwrap();
        assert_eq!(closed.admit("@engine", None, None), Err(Cause::Credentials));
        assert_eq!(closed.admit("@engine", Some(&login("@engine", "pass")), None), Ok(Role::Engine));
        assert!(
            Role::Engine.may_publish("premend/v1/car-1/down")
                && !Role::Engine.may_publish("premend/v1/car-1/telemetry")
        );
    }
}
