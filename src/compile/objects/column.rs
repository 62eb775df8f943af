//! dbt's Column object over [`Column`], and its class (`api.Column`).

use std::fmt;
use std::sync::Arc;

use super::{bad_argument, given, text};
use crate::adapter::Column;
use crate::jinja::value::{Object, ObjectRepr};
use crate::jinja::{Args, Error, ErrorKind, State, Value};

/// A column in a macro.
#[derive(Debug)]
pub struct ColumnObject(pub Column);

impl ColumnObject {
    pub fn value(column: Column) -> Value {
        Value::from_object(Self(column))
    }

    fn field(&self, key: &str) -> Option<Value> {
        let column = &self.0;
        let number = |value: Option<u32>| value.map_or(Value::from(()), Value::from);
        Some(match key {
            "name" | "column" => Value::from(column.name.as_str()),
            "dtype" => Value::from(column.dtype.as_str()),
            "char_size" => column.char_size.map_or(Value::from(()), Value::from),
            "numeric_precision" => number(column.numeric_precision),
            "numeric_scale" => number(column.numeric_scale),
            "quoted" => Value::from(column.quoted()),
            "data_type" | "expanded_data_type" => Value::from(column.data_type()),
            "nullable" => Value::from(column.nullable),
            _ => return None,
        })
    }

    fn string_size(&self) -> Result<u64, Error> {
        let missing = || bad_argument(format!("column `{}` is not a string, it has no string size", self.0.name));
        self.0.string_size().ok_or_else(missing)
    }
}

impl Object for ColumnObject {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.field(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.field(key)
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let mut a = Args::new(method, args);
        let value = match method {
            "is_string" => Value::from(self.0.is_string()),
            "is_number" => Value::from(self.0.is_number()),
            "is_numeric" => Value::from(self.0.is_numeric()),
            "is_integer" => Value::from(self.0.is_integer()),
            "is_float" => Value::from(self.0.is_float()),
            "string_size" => Value::from(self.string_size()?),
            "can_expand_to" => {
                let other = a.take("other_column")?;
                let other = other.downcast_object_ref::<Self>();
                let other = other.ok_or_else(|| bad_argument("can_expand_to() takes a column"))?;
                Value::from(self.0.can_expand_to(&other.0))
            }
            "type_with" => {
                let other = a.take("other_column")?;
                let other = other.downcast_object_ref::<Self>();
                let other = other.ok_or_else(|| bad_argument("type_with() takes a column"))?;
                self.0.type_with(&other.0).map_or(Value::from(()), Value::from)
            }
            "literal" => Value::from(format!("cast({} as {})", a.take("value")?, self.0.data_type())),
            _ => return class_method(method, args, self.0.quote_char),
        };
        a.finish()?;
        Ok(value)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Column {} ({})>", self.0.name, self.0.data_type())
    }
}

/// `api.Column`: called, or through its class methods.
#[derive(Debug)]
pub struct ColumnClass {
    pub quote_char: char,
}

impl Object for ColumnClass {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let mut a = Args::new("Column", args);
        let size = |value: Option<Value>| given(value).and_then(|value| value.as_usize());
        let column = Column {
            name: a.string("column")?,
            dtype: a.string("dtype")?,
            char_size: size(a.optional("char_size")?).map(|size| size as u64),
            numeric_precision: size(a.optional("numeric_precision")?).map(|size| size as u32),
            numeric_scale: size(a.optional("numeric_scale")?).map(|size| size as u32),
            full_type: None,
            nullable: true,
            quote_char: self.quote_char,
        };
        a.finish()?;
        Ok(ColumnObject::value(column))
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        class_method(method, args, self.quote_char)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<class 'Column'>")
    }
}

fn class_method(method: &str, args: &[Value], quote_char: char) -> Result<Value, Error> {
    let mut a = Args::new(method, args);
    let value = match method {
        "create" => {
            let name = a.string("name")?;
            let dtype = translate_type(&a.string("label_or_dtype")?);
            ColumnObject::value(Column::from_description(&name, &dtype, quote_char))
        }
        "from_description" => {
            let name = a.string("name")?;
            ColumnObject::value(Column::from_description(&name, &a.string("raw_data_type")?, quote_char))
        }
        "translate_type" => Value::from(translate_type(&a.string("dtype")?)),
        "string_type" => {
            let size = a.take("size")?.as_usize().unwrap_or(256) as u64;
            Value::from(Column::from_description("", "varchar", quote_char).string_type(size))
        }
        "numeric_type" => {
            let dtype = a.string("dtype")?;
            let (precision, scale) = (text(a.optional("precision")?), text(a.optional("scale")?));
            Value::from(match (precision, scale) {
                (Some(precision), Some(scale)) => format!("{dtype}({precision},{scale})"),
                _ => dtype,
            })
        }
        _ => return Err(Error::from(ErrorKind::UnknownMethod)),
    };
    a.finish()?;
    Ok(value)
}

/// dbt's generic labels in the words of SQL.
fn translate_type(label: &str) -> String {
    match label.to_ascii_uppercase().as_str() {
        "STRING" => "TEXT".to_owned(),
        "INTEGER" => "INT".to_owned(),
        _ => label.to_owned(),
    }
}
