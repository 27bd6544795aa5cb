//! Words that every floor uses: units, time, severity, texts and languages.

pub mod figure;
mod locale;
mod near;
pub mod normal;
mod physical;
mod severity;
mod text;
mod time;

pub use self::locale::Locale;
pub use self::near::nearest;
pub use self::physical::{Unit, UnitError};
pub use self::severity::Severity;
pub use self::text::Text;
pub use self::time::{Span, Time, TimeError};
