//! Config keys with their types, defaults and valid values, and the words in which Kafka refuses a
//! value.
//!
//! In Kafka: org.apache.kafka.common.config.ConfigDef.

use crate::base::Span;
use crate::node::{ConfigError, Properties};
use std::fmt::Display;

/// The type of a config value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConfigType {
    /// `true` or `false`, in any case.
    Boolean,
    /// 16-bit number.
    Short,
    /// 32-bit number.
    Int,
    /// 64-bit number.
    Long,
    /// Floating-point number.
    Double,
    /// Text.
    String,
    /// Comma-separated texts.
    List,
    /// Name of a Java class.
    Class,
    /// Text that is never told.
    Password,
}

/// Which values of the right type are valid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Valid {
    /// Every one.
    Any,
    /// A number not below this.
    AtLeast(i64),
    /// A number from 0 to 1.
    Fraction,
    /// One of these texts.
    OneOf(&'static [&'static str]),
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct ConfigKey {
    /// Dotted name.
    pub name: &'static str,
    /// Type of the value.
    pub kind: ConfigType,
    /// Default as text; none is null.
    pub default: Option<&'static str>,
    /// Valid values.
    pub valid: Valid,
    /// Whether it can be set while a broker runs.
    pub is_dynamic: bool,
}

impl ConfigType {
    /// Its name in Kafka's messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::Short => "SHORT",
            Self::Int => "INT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::String => "STRING",
            Self::List => "LIST",
            Self::Class => "CLASS",
            Self::Password => "PASSWORD",
        }
    }
}

impl ConfigKey {
    /// The key `name` of type `kind`, any value of which is valid.
    pub const fn any(name: &'static str, kind: ConfigType, default: &'static str) -> Self {
        Self::new(name, kind, Some(default), Valid::Any)
    }

    /// A key that is null unless it is set.
    pub const fn null(name: &'static str, kind: ConfigType) -> Self {
        Self::new(name, kind, None, Valid::Any)
    }

    /// A number that must not be below `low`.
    pub const fn at_least(
        low: i64,
        name: &'static str,
        kind: ConfigType,
        default: &'static str,
    ) -> Self {
        Self::new(name, kind, Some(default), Valid::AtLeast(low))
    }

    /// A text, or a list of texts, out of `options`.
    pub const fn one_of(
        options: &'static [&'static str],
        name: &'static str,
        kind: ConfigType,
        default: &'static str,
    ) -> Self {
        Self::new(name, kind, Some(default), Valid::OneOf(options))
    }

    /// A number from 0 to 1.
    pub const fn fraction(name: &'static str, default: &'static str) -> Self {
        Self::new(name, ConfigType::Double, Some(default), Valid::Fraction)
    }

    const fn new(
        name: &'static str,
        kind: ConfigType,
        default: Option<&'static str>,
        valid: Valid,
    ) -> Self {
        Self { name, kind, default, valid, is_dynamic: false }
    }

    /// The same key, which can be set while a broker runs.
    pub const fn dynamic(self) -> Self {
        Self { is_dynamic: true, ..self }
    }

    /// Refuses `value` in Kafka's words when it is not of the type or not valid.
    pub fn check(&self, value: &str) -> Result<(), ConfigError> {
        let trimmed = value.trim();
        match self.kind {
            ConfigType::Boolean => self.check_boolean(trimmed),
            ConfigType::Short => self.check_number(trimmed, trimmed.parse::<i16>().map(i64::from)),
            ConfigType::Int => self.check_number(trimmed, trimmed.parse::<i32>().map(i64::from)),
            ConfigType::Long => self.check_number(trimmed, trimmed.parse::<i64>()),
            ConfigType::Double => self.check_double(trimmed),
            ConfigType::String | ConfigType::Class | ConfigType::Password => {
                self.check_text(trimmed, trimmed)
            }
            ConfigType::List => {
                list_of(trimmed).iter().try_for_each(|one| self.check_text(trimmed, one))
            }
        }
    }

    fn refuse(&self, value: &str, reason: impl Into<String>) -> ConfigError {
        ConfigError { key: self.name.to_owned(), value: value.to_owned(), reason: reason.into() }
    }

    fn check_boolean(&self, value: &str) -> Result<(), ConfigError> {
        if value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false") {
            Ok(())
        } else {
            Err(self.refuse(value, "Expected value to be either true or false"))
        }
    }

    fn check_number<E>(&self, text: &str, number: Result<i64, E>) -> Result<(), ConfigError> {
        let number = number
            .map_err(|_| self.refuse(text, format!("Not a number of type {}", self.kind.name())))?;
        match self.valid {
            Valid::AtLeast(low) if number < low => {
                Err(self.refuse(text, format!("Value must be at least {low}")))
            }
            _ => Ok(()),
        }
    }

    fn check_double(&self, text: &str) -> Result<(), ConfigError> {
        let number =
            text.parse::<f64>().map_err(|_| self.refuse(text, "Not a number of type DOUBLE"))?;
        match self.valid {
            Valid::Fraction if number < 0.0 => Err(self.refuse(text, "Value must be at least 0")),
            Valid::Fraction if number > 1.0 => {
                Err(self.refuse(text, "Value must be no more than 1"))
            }
            _ => Ok(()),
        }
    }

    fn check_text(&self, whole: &str, one: &str) -> Result<(), ConfigError> {
        match self.valid {
            Valid::OneOf(options) if !options.contains(&one) => {
                let options = options.join(", ");
                Err(self.refuse(whole, format!("String must be one of: {options}")))
            }
            _ => Ok(()),
        }
    }
}

/// Values by a table of keys: what is set, over the defaults. All are checked beforehand, so reading
/// one cannot fail.
#[derive(Clone, Copy, Debug)]
pub struct ConfigValues<'a> {
    keys: &'static [ConfigKey],
    given: &'a Properties,
}

impl<'a> ConfigValues<'a> {
    /// The values that `given` sets among `keys`; other properties are ignored, as Kafka does.
    pub fn of(keys: &'static [ConfigKey], given: &'a Properties) -> Result<Self, ConfigError> {
        for key in keys {
            if let Some(value) = given.get(key.name) {
                key.check(value)?;
            }
        }
        Ok(Self { keys, given })
    }

    /// The value of `name` as text, or none for null.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        let key = self.keys.iter().find(|key| key.name == name);
        let key = key.expect("a config is read by a name of its own table");
        self.given.get(name).map(str::trim).or(key.default)
    }

    /// A text that has a default.
    pub fn string(&self, name: &str) -> String {
        self.text(name).unwrap_or_default().to_owned()
    }

    /// A number, or none for null.
    pub fn maybe_number(&self, name: &str) -> Option<i64> {
        self.text(name)
            .map(|text| text.parse().expect("values and defaults of number keys are numbers"))
    }

    /// A number that has a default.
    pub fn long(&self, name: &str) -> i64 {
        self.maybe_number(name).expect("the key has a default")
    }

    /// A number of 32 bits that has a default.
    pub fn int(&self, name: &str) -> i32 {
        i32::try_from(self.long(name)).expect("values of INT keys have 32 bits")
    }

    /// A length of time in milliseconds; a negative one is none at all.
    pub fn span(&self, name: &str) -> Span {
        span_of_millis(self.long(name))
    }

    /// A switch.
    pub fn boolean(&self, name: &str) -> bool {
        self.text(name).is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }

    /// A fraction, in millionths.
    pub fn millionths(&self, name: &str) -> u32 {
        let fraction = self.text(name).and_then(|text| text.parse::<f64>().ok());
        (fraction.expect("values and defaults of fraction keys are numbers") * 1e6).round() as u32
    }

    /// A list.
    pub fn list(&self, name: &str) -> Vec<String> {
        list_of(self.text(name).unwrap_or_default()).into_iter().map(str::to_owned).collect()
    }
}

/// `millis` as a span: negative is zero, and what is longer than virtual time is cut.
pub fn span_of_millis(millis: i64) -> Span {
    const MILLIS_MAX: i64 = (1 << 53) / 1_000;
    Span::from_millis(millis.clamp(0, MILLIS_MAX) as u64)
}

fn list_of(text: &str) -> Vec<&str> {
    if text.is_empty() { Vec::new() } else { text.split(',').map(str::trim).collect() }
}

/// Names of `given` that no key in `keys` has.
pub fn unknown_names<'a>(
    keys: &'static [ConfigKey],
    given: impl IntoIterator<Item = &'a str>,
) -> Vec<&'a str> {
    given.into_iter().filter(|name| !keys.iter().any(|key| key.name == *name)).collect()
}

/// A `ConfigError` for a relation between several keys, which has no single value.
pub fn conflict(key: &str, value: impl Display, reason: impl Into<String>) -> ConfigError {
    ConfigError { key: key.to_owned(), value: value.to_string(), reason: reason.into() }
}
