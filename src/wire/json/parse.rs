//! Text to JSON value: sees names that are given twice, and stops at the limits.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::wire::json::{Faults, JSON_BYTES_MAX, JSON_DEPTH_MAX, JsonError};

pub(super) fn parse(text: &[u8], faults: &mut Faults) -> Result<Value, JsonError> {
    if text.len() > JSON_BYTES_MAX {
        return Err(JsonError::TooLarge { given: text.len() });
    }
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = Any { faults, depth: 0 }.deserialize(&mut deserializer);
    match value.and_then(|value| deserializer.end().map(|()| value)) {
        Ok(value) => Ok(value),
        Err(_) if faults.too_deep => Err(JsonError::TooDeep),
        Err(it) => Err(JsonError::NotJson { line: it.line(), column: it.column() }),
    }
}

/// Any JSON value; unlike serde_json's own reader it sees names that are given twice.
struct Any<'f> {
    faults: &'f mut Faults,
    depth: usize,
}

impl Any<'_> {
    fn enter<E: Error>(&mut self) -> Result<usize, E> {
        if self.depth == JSON_DEPTH_MAX {
            self.faults.too_deep = true;
            return Err(E::custom("nested too deep"));
        }
        Ok(self.depth + 1)
    }
}

impl<'de> DeserializeSeed<'de> for Any<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Any<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, it: bool) -> Result<Value, E> {
        Ok(Value::Bool(it))
    }

    fn visit_i64<E: Error>(self, it: i64) -> Result<Value, E> {
        Ok(Value::Number(it.into()))
    }

    fn visit_u64<E: Error>(self, it: u64) -> Result<Value, E> {
        Ok(Value::Number(it.into()))
    }

    fn visit_f64<E: Error>(self, it: f64) -> Result<Value, E> {
        Number::from_f64(it).map(Value::Number).ok_or_else(|| E::custom("not a number"))
    }

    fn visit_str<E: Error>(self, it: &str) -> Result<Value, E> {
        Ok(Value::String(it.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        let depth = self.enter()?;
        let mut list = Vec::new();
        loop {
            let index = list.len().to_string();
            let next =
                self.faults.at(&index, |faults| items.next_element_seed(Any { faults, depth }))?;
            match next {
                Some(item) => list.push(item),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut fields: A) -> Result<Value, A::Error> {
        let depth = self.enter()?;
        let mut object = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            let known = object.contains_key(&name);
            let value = self.faults.at(&name, |faults| {
                if known {
                    faults.add("DUPLICATE_FIELD", "the field is given twice");
                }
                fields.next_value_seed(Any { faults, depth })
            })?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}
