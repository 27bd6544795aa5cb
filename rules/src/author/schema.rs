//! The JSON schema of rule files, for editors: what may be written where, with the documentation of every field.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::entry::rule::RuleSource;
use crate::unit::{Severity, Span, Text};

/// A file of `rules/`.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "premend rules")]
struct RuleFile {
    /// The rules of this file.
    rule: Vec<RuleSource>,
}

/// The schema as JSON.
pub fn json() -> String {
    let schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<RuleFile>();
    let mut text = serde_json::to_string_pretty(&sorted(schema.to_value())).unwrap_or_default();
    text.push('\n');
    text
}

/// Keys in order: whether a map keeps the order of its making depends on who else is built with it.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let ordered: BTreeMap<String, Value> = map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(ordered.into_iter().collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(sorted).collect()),
        plain => plain,
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?(us|ms|s|m|h|d)$", "description": "A duration such as \"90s\", \"10m\", \"72h\" or \"14d\"." })
    }
}

impl JsonSchema for Severity {
    fn schema_name() -> Cow<'static, str> {
        "Severity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": ["S1", "S2", "S3", "S4"], "description": "S1 stop now, S2 within 3 days, S3 next service, S4 information." })
    }
}

impl JsonSchema for Text {
    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "A text in both languages.",
            "properties": { "zh-CN": { "type": "string" }, "en": { "type": "string" } },
            "required": ["zh-CN", "en"],
            "additionalProperties": false,
        })
    }
}
