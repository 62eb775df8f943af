//! `groups:`.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::properties::{Place, Reader, required_name};
use crate::manifest::Group;
use crate::yaml::Node;

#[derive(Debug)]
pub struct GroupEntry {
    pub group: Arc<Group>,
    pub place: Place,
}

pub fn read_group(reader: &mut Reader<'_>, mut entry: Node) -> Option<GroupEntry> {
    reader.render(&mut entry);
    let (name, owner, description, config) = reader.fields(entry, "group", |fields| {
        Some((required_name(fields)?, fields.map("owner"), fields.take("description"), fields.map("config")))
    })?;
    let place = reader.place(&name.1);
    let (description, _) = reader.describe(description);
    let config = config.map(|config| config.to_json()).unwrap_or_default();
    let group = Group {
        unique_id: format!("group.{}.{}", place.package, name.0).into(),
        name: name.0,
        package: place.package.clone(),
        path: place.path.to_string(),
        original_file_path: place.original_file_path.to_string(),
        owner: owner.map(|owner| owner.to_json()).unwrap_or_default(),
        description: (!description.is_empty()).then_some(description),
        config: with_meta(config),
    };
    Some(GroupEntry { group: Arc::new(group), place })
}

fn with_meta(mut config: Map<String, Value>) -> Map<String, Value> {
    config.entry("meta").or_insert_with(|| Value::Object(Map::new()));
    config
}
