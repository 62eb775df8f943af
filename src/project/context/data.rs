//! Conversions and collections: `fromjson`, `tojson`, `fromyaml`, `toyaml`, `set`, `zip`, `local_md5`, `diff_of_two_dicts`.

use md5::{Digest, Md5};

use crate::diag::{Code, Diagnostic, SourceFile};
use crate::jinja::{self, Args, Error, State, Value, pyvalue};
use crate::yaml;

type Outcome = Result<Value, Error>;

pub(super) fn from_json(_: &mut State<'_, '_>, args: &mut Args<'_>) -> Outcome {
    let text = args.string("string")?;
    let default = args.or("default", pyvalue::none())?;
    args.finish()?;
    Ok(serde_json::from_str(&text).map_or(default, |value| pyvalue::from_json(&value)))
}

pub(super) fn to_json(_: &mut State<'_, '_>, args: &mut Args<'_>) -> Outcome {
    let value = args.take("value")?;
    let default = args.or("default", pyvalue::none())?;
    let sort_keys = args.truth("sort_keys", false)?;
    args.finish()?;
    Ok(pyvalue::dumps(&value, sort_keys).map_or(default, Value::from))
}

pub(super) fn from_yaml(_: &mut State<'_, '_>, args: &mut Args<'_>) -> Outcome {
    let text = args.string("value")?;
    let default = args.or("default", pyvalue::none())?;
    args.finish()?;
    let file = SourceFile::new("", text);
    Ok(yaml::parse(&file, &mut Vec::new()).map_or(default, |node| pyvalue::from_json(&node.to_json())))
}

pub(super) fn to_yaml(_: &mut State<'_, '_>, args: &mut Args<'_>) -> Outcome {
    let value = args.take("value")?;
    let default = args.or("default", pyvalue::none())?;
    let sort_keys = args.truth("sort_keys", false)?;
    args.finish()?;
    Ok(pyvalue::to_json(&value).map_or(default, |json| Value::from(yaml::emit(&json, sort_keys))))
}

/// The distinct items, as a list in the order of their first appearance.
fn distinct(value: &Value) -> Option<Value> {
    let mut items: Vec<Value> = Vec::new();
    for item in value.try_iter().ok()? {
        if !items.contains(&item) {
            items.push(item);
        }
    }
    Some(pyvalue::list(items))
}

pub(super) fn set(_: &mut State<'_, '_>, args: &mut Args<'_>) -> Outcome {
    let value = args.take("value")?;
    let default = args.or("default", pyvalue::none())?;
    args.finish()?;
    Ok(distinct(&value).unwrap_or(default))
}

pub(super) fn set_strict(_: &mut State<'_, '_>, args: &mut Args<'_>) -> Outcome {
    let value = args.take("value")?;
    args.finish()?;
    distinct(&value).ok_or_else(|| not_iterable("set_strict", &value))
}

fn not_iterable(function: &str, value: &Value) -> Error {
    let message = format!("`{function}` needs something to iterate over, this is {}", pyvalue::type_name(value));
    jinja::raise(Diagnostic::error(Code::JinjaRuntime, message))
}

fn zipped(lists: &[Value]) -> Result<Value, &Value> {
    let mut iterators = Vec::with_capacity(lists.len());
    for list in lists {
        iterators.push(list.try_iter().map_err(|_| list)?);
    }
    let mut rows = Vec::new();
    while !iterators.is_empty() {
        let row: Option<Vec<Value>> = iterators.iter_mut().map(Iterator::next).collect();
        match row {
            Some(row) => rows.push(pyvalue::tuple(row)),
            None => break,
        }
    }
    Ok(pyvalue::list(rows))
}

pub(super) fn zip(_: &mut State<'_, '_>, args: &mut Args<'_>) -> Outcome {
    let lists = args.rest();
    let default = args.or("default", pyvalue::none())?;
    args.finish()?;
    Ok(zipped(&lists).unwrap_or(default))
}

pub(super) fn zip_strict(_: &mut State<'_, '_>, args: &mut Args<'_>) -> Outcome {
    let lists = args.rest();
    args.finish()?;
    zipped(&lists).map_err(|value| not_iterable("zip_strict", value))
}

pub(super) fn local_md5(_: &mut State<'_, '_>, args: &mut Args<'_>) -> Outcome {
    let text = pyvalue::py_str(&args.take("value")?);
    args.finish()?;
    let digest: String = Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Value::from(digest))
}

/// What the lists of the first dict have beyond those of the second, without regard to case.
pub(super) fn diff_of_two_dicts(_: &mut State<'_, '_>, args: &mut Args<'_>) -> Outcome {
    let (first, second) = (args.take("dict_a")?, args.take("dict_b")?);
    args.finish()?;
    let second = folded(&second)?;
    let mut difference = Vec::new();
    for (key, items) in folded(&first)? {
        let known = second.iter().find(|(name, _)| *name == key).map(|(_, items)| items.as_slice()).unwrap_or_default();
        let is_new = !second.iter().any(|(name, _)| *name == key);
        let items: Vec<Value> = items.into_iter().filter(|item| !known.contains(item)).map(Value::from).collect();
        if is_new || !items.is_empty() {
            difference.push((Value::from(key), pyvalue::list(items)));
        }
    }
    Ok(pyvalue::dict(difference))
}

fn folded(dict: &Value) -> Result<Vec<(String, Vec<String>)>, Error> {
    dict.try_iter()?
        .map(|key| {
            let items = dict.get_item(&key)?;
            let items = items.try_iter()?.map(|item| pyvalue::py_str(&item).to_lowercase()).collect();
            Ok((pyvalue::py_str(&key).to_lowercase(), items))
        })
        .collect()
}
