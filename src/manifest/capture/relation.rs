//! A relation's name in templates while parsing.

use std::fmt;
use std::sync::Arc;

use crate::adapter::{Include, Relation, RelationType};
use crate::jinja::value::{Object, ObjectRepr};
use crate::jinja::{Args, Error, State, Value, pyvalue};

/// A relation as a template value.
pub fn relation(relation: Relation) -> Value {
    Value::from_object(RelationName(relation))
}

#[derive(Debug)]
struct RelationName(Relation);

impl RelationName {
    fn field(&self, name: &str) -> Option<Value> {
        let text = |value: &Option<String>| value.as_deref().map_or_else(pyvalue::none, Value::from);
        let is = |kind| Value::from(self.0.is(kind));
        Some(match name {
            "database" => text(&self.0.database),
            "schema" => text(&self.0.schema),
            "identifier" | "name" | "table" => text(&self.0.identifier),
            "metadata" => Value::from_pairs([("type", "BaseRelation")]),
            "type" => self.0.kind.map_or_else(pyvalue::none, |kind| Value::from(kind.as_str())),
            "is_table" => is(RelationType::Table),
            "is_view" => is(RelationType::View),
            "is_cte" => is(RelationType::Cte),
            "is_materialized_view" => is(RelationType::MaterializedView),
            _ => return None,
        })
    }

    fn with_flags(&self, mut flags: Include, args: &[Value], quote: bool) -> Result<Value, Error> {
        let mut args = Args::new(if quote { "quote" } else { "include" }, args);
        for (name, value) in args.keywords() {
            let on = value.is_true();
            match name.as_str() {
                "database" => flags.database = on,
                "schema" => flags.schema = on,
                "identifier" => flags.identifier = on,
                _ => {}
            }
        }
        let mut changed = self.0.clone();
        if quote {
            changed.quote = flags;
        } else {
            changed.include = flags;
        }
        Ok(relation(changed))
    }

    fn replace_path(&self, parts: impl IntoIterator<Item = (String, Value)>) -> Value {
        let mut changed = self.0.clone();
        for (name, value) in parts {
            let text = value.as_str().map(str::to_owned);
            match name.as_str() {
                "database" => changed.database = text,
                "schema" => changed.schema = text,
                "identifier" => changed.identifier = text,
                _ => {}
            }
        }
        relation(changed)
    }
}

impl Object for RelationName {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(key.as_str().and_then(|name| self.field(name)).unwrap_or_else(pyvalue::parse_undefined))
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        match method {
            "render" | "strip" => Ok(Value::from(self.0.render())),
            "include" => self.with_flags(self.0.include, args, false),
            "quote" => self.with_flags(self.0.quote, args, true),
            "replace_path" => Ok(self.replace_path(Args::new(method, args).keywords())),
            "incorporate" => {
                let path = Args::new(method, args).keywords().into_iter().find(|(name, _)| name == "path");
                let parts = path.map(|(_, path)| super::entries(&path)).transpose()?.unwrap_or_default();
                Ok(self.replace_path(parts))
            }
            "without_identifier" => Ok(self.replace_path([("identifier".to_owned(), pyvalue::none())])),
            "get" => {
                let mut args = Args::new(method, args);
                let key = args.string("key")?;
                let default = args.optional("default")?;
                Ok(self.field(&key).or(default).unwrap_or_else(pyvalue::none))
            }
            "quoted" => {
                let mut args = Args::new(method, args);
                let mut text = String::new();
                crate::adapter::push_quoted(&mut text, &args.string("identifier")?, self.0.quote_char);
                Ok(Value::from(text))
            }
            _ => Ok(pyvalue::parse_undefined()),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.render())
    }
}
