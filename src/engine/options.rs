//! What the user asked for: a [`Command`] and its [`Options`], every flag as a typed field.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::warn::WarnError;
use crate::diag::Diagnostic;
use crate::manifest::ResourceType;
use crate::manifest::event_time::Window;
use crate::project::deps::Addition;
