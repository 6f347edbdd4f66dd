//! What changed between two APIs, and whom it breaks.
//!
//! Classes and names of changes are those of graphql-js 17 (`findSchemaChanges`), so that tools which know them can be kept.
//! Two are ours: `ROOT_TYPE_CHANGED` and `DEPRECATION_CHANGED`, which graphql-js does not look at.

use std::fmt;

use indexmap::IndexMap;

use crate::schema::{About, Api, ApiDirective, ApiKind, ApiType, Input, Output, Reference};

/// Whom a change breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Operations that were valid are refused, or answers no longer have the type that clients were built for.
    Breaking,
    /// Valid operations stay valid, but clients may meet what they do not expect.
    Dangerous,
    /// Nobody notices who does not ask.
    Safe,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Whom it breaks.
    pub level: Level,
    /// The name of its class, such as `FIELD_REMOVED`.
    pub kind: &'static str,
    /// Where, as a schema coordinate: `Type`, `Type.field`, `Type.field(argument:)`, `@directive`.
    pub coordinate: String,
    /// What happened, in words.
    pub message: String,
}

impl Level {
    /// As it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Breaking => "breaking",
            Self::Dangerous => "dangerous",
            Self::Safe => "safe",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.as_str())
    }
}

/// All changes from one API to another: the breaking ones first, in the order of the old text, what is new at its end.
pub fn diff(old: &Api, new: &Api) -> Vec<Change> {
    let mut changes = Changes::default();
    changes.roots(old, new);
    let types = compare(&old.types, &new.types);
    for (name, _) in types.removed {
        changes.add(Level::Breaking, "TYPE_REMOVED", name, "the type was removed");
    }
    for (name, old, new) in types.kept {
        changes.types(name, old, new);
    }
    for (name, _) in types.added {
        changes.add(Level::Safe, "TYPE_ADDED", name, "the type was added");
    }
    let directives = compare(&old.directives, &new.directives);
    for (name, _) in directives.removed {
        changes.add(Level::Breaking, "DIRECTIVE_REMOVED", format!("@{name}"), "the directive was removed");
    }
    for (name, old, new) in directives.kept {
        changes.directive(name, old, new);
    }
    for (name, _) in directives.added {
        changes.add(Level::Safe, "DIRECTIVE_ADDED", format!("@{name}"), "the directive was added");
    }
    // Stable: within a level the order above stays.
    changes.0.sort_by_key(|change| change.level);
    changes.0
}

/// Two sets of named things side by side.
struct Compared<'a, T> {
    removed: Vec<(&'a str, &'a T)>,
    kept: Vec<(&'a str, &'a T, &'a T)>,
    added: Vec<(&'a str, &'a T)>,
}

fn compare<'a, T>(old: &'a IndexMap<String, T>, new: &'a IndexMap<String, T>) -> Compared<'a, T> {
    let mut compared = Compared { removed: Vec::new(), kept: Vec::new(), added: Vec::new() };
    for (name, value) in old {
        match new.get(name) {
            Some(other) => compared.kept.push((name, value, other)),
            None => compared.removed.push((name, value)),
        }
    }
    compared.added = new.iter().filter(|(name, _)| !old.contains_key(*name)).map(|(name, it)| (&**name, it)).collect();
    compared
}

#[derive(Default)]
struct Changes(Vec<Change>);

impl Changes {
    fn add(&mut self, level: Level, kind: &'static str, coordinate: impl Into<String>, message: impl Into<String>) {
        self.0.push(Change { level, kind, coordinate: coordinate.into(), message: message.into() });
    }

    /// A root that is another type now. A root whose type is gone altogether is told as such.
    fn roots(&mut self, old: &Api, new: &Api) {
        for (kind, name) in &old.roots {
            let now = new.roots.get(kind);
            if now != Some(name) && new.types.contains_key(name) {
                let now = now.map_or("nothing".to_owned(), |now| format!("`{now}`"));
                let message = format!("the root of every {kind} was `{name}` and is {now}");
                self.add(Level::Breaking, "ROOT_TYPE_CHANGED", name, message);
            }
        }
    }

    fn types(&mut self, name: &str, old: &ApiType, new: &ApiType) {
        self.description(name, old.description.as_ref(), new.description.as_ref());
        match (&old.kind, &new.kind) {
            (ApiKind::Scalar, ApiKind::Scalar) => {}
            (ApiKind::Object { fields: old, interfaces: was }, ApiKind::Object { fields: new, interfaces: is })
            | (
                ApiKind::Interface { fields: old, interfaces: was },
                ApiKind::Interface { fields: new, interfaces: is },
            ) => {
                self.outputs(name, old, new);
                for interface in was.iter().filter(|it| !is.contains(it)) {
                    let message = format!("it no longer implements `{interface}`");
                    self.add(Level::Breaking, "IMPLEMENTED_INTERFACE_REMOVED", name, message);
                }
                for interface in is.iter().filter(|it| !was.contains(it)) {
                    let message = format!("it now implements `{interface}`");
                    self.add(Level::Dangerous, "IMPLEMENTED_INTERFACE_ADDED", name, message);
                }
            }
            (ApiKind::Union { members: was }, ApiKind::Union { members: is }) => {
                for member in was.iter().filter(|it| !is.contains(it)) {
                    let message = format!("`{member}` is no longer a member");
                    self.add(Level::Breaking, "TYPE_REMOVED_FROM_UNION", name, message);
                }
                for member in is.iter().filter(|it| !was.contains(it)) {
                    self.add(Level::Dangerous, "TYPE_ADDED_TO_UNION", name, format!("`{member}` is a new member"));
                }
            }
            (ApiKind::Enum { values: old }, ApiKind::Enum { values: new }) => self.values(name, old, new),
            (ApiKind::Input { fields: old }, ApiKind::Input { fields: new }) => self.inputs(name, old, new),
            (old, new) => {
                let message = format!("it was {} and is {}", kind_of(old), kind_of(new));
                self.add(Level::Breaking, "TYPE_CHANGED_KIND", name, message);
            }
        }
    }

    fn outputs(&mut self, ty: &str, old: &IndexMap<String, Output>, new: &IndexMap<String, Output>) {
        let fields = compare(old, new);
        for (name, _) in fields.removed {
            self.add(Level::Breaking, "FIELD_REMOVED", format!("{ty}.{name}"), "the field was removed");
        }
        for (name, old, new) in fields.kept {
            let at = format!("{ty}.{name}");
            self.arguments(&at, &old.arguments, &new.arguments, &ARGUMENT);
            if old.ty != new.ty {
                let message = format!("the type was `{}` and is `{}`", old.ty, new.ty);
                if output_fits(&old.ty, &new.ty) {
                    self.add(Level::Safe, "FIELD_CHANGED_KIND_SAFE", &at, message);
                } else {
                    self.add(Level::Breaking, "FIELD_CHANGED_KIND", &at, message);
                }
            }
            self.about(&at, &old.about, &new.about);
        }
        for (name, _) in fields.added {
            self.add(Level::Safe, "FIELD_ADDED", format!("{ty}.{name}"), "the field was added");
        }
    }

    fn values(&mut self, ty: &str, old: &IndexMap<String, About>, new: &IndexMap<String, About>) {
        let values = compare(old, new);
        for (name, _) in values.removed {
            self.add(Level::Breaking, "VALUE_REMOVED_FROM_ENUM", format!("{ty}.{name}"), "the value was removed");
        }
        for (name, old, new) in values.kept {
            self.about(&format!("{ty}.{name}"), old, new);
        }
        for (name, _) in values.added {
            self.add(Level::Dangerous, "VALUE_ADDED_TO_ENUM", format!("{ty}.{name}"), "the value was added");
        }
    }

    fn inputs(&mut self, ty: &str, old: &IndexMap<String, Input>, new: &IndexMap<String, Input>) {
        let fields = compare(old, new);
        for (name, _) in fields.removed {
            self.add(Level::Breaking, "FIELD_REMOVED", format!("{ty}.{name}"), "the input field was removed");
        }
        for (name, old, new) in fields.kept {
            self.input(&format!("{ty}.{name}"), old, new, &INPUT_FIELD);
        }
        for (name, new) in fields.added {
            self.added_input(format!("{ty}.{name}"), new, &INPUT_FIELD);
        }
    }

    fn arguments(&mut self, at: &str, old: &IndexMap<String, Input>, new: &IndexMap<String, Input>, names: &Names) {
        let arguments = compare(old, new);
        for (name, _) in arguments.removed {
            self.add(Level::Breaking, names.removed, format!("{at}({name}:)"), "the argument was removed");
        }
        for (name, old, new) in arguments.kept {
            self.input(&format!("{at}({name}:)"), old, new, names);
        }
        for (name, new) in arguments.added {
            self.added_input(format!("{at}({name}:)"), new, names);
        }
    }

    fn added_input(&mut self, at: String, new: &Input, names: &Names) {
        if new.is_required() {
            let message = format!("it is new, and has to be given: `{}` without a default", new.ty);
            self.add(Level::Breaking, names.required_added, at, message);
        } else {
            let (level, kind) = names.optional_added;
            self.add(level, kind, at, "it is new, and may be left out");
        }
    }

    /// At most one of: the type broke, the default changed, the type became wider.
    fn input(&mut self, at: &str, old: &Input, new: &Input, names: &Names) {
        let types = || format!("the type was `{}` and is `{}`", old.ty, new.ty);
        match (&old.default, &new.default) {
            _ if !input_fits(&old.ty, &new.ty) => self.add(Level::Breaking, names.changed, at, types()),
            (Some(was), None) => {
                self.add(Level::Dangerous, names.default_changed, at, format!("the default `{was}` was removed"));
            }
            (Some(was), Some(is)) if was != is => {
                let message = format!("the default was `{was}` and is `{is}`");
                self.add(Level::Dangerous, names.default_changed, at, message);
            }
            (None, Some(is)) => {
                self.add(Level::Safe, names.default_added, at, format!("it has the default `{is}` now"));
            }
            _ if old.ty != new.ty => self.add(Level::Safe, names.changed_safe, at, types()),
            _ => {}
        }
        self.about(at, &old.about, &new.about);
    }

    fn directive(&mut self, name: &str, old: &ApiDirective, new: &ApiDirective) {
        let at = format!("@{name}");
        self.arguments(&at, &old.arguments, &new.arguments, &DIRECTIVE_ARGUMENT);
        match (old.repeatable, new.repeatable) {
            (true, false) => {
                self.add(Level::Breaking, "DIRECTIVE_REPEATABLE_REMOVED", &at, "it may no longer be repeated");
            }
            (false, true) => self.add(Level::Safe, "DIRECTIVE_REPEATABLE_ADDED", &at, "it may be repeated now"),
            _ => {}
        }
        for location in old.locations.iter().filter(|it| !new.locations.contains(it)) {
            let message = format!("it may no longer stand on `{location}`");
            self.add(Level::Breaking, "DIRECTIVE_LOCATION_REMOVED", &at, message);
        }
        for location in new.locations.iter().filter(|it| !old.locations.contains(it)) {
            self.add(Level::Safe, "DIRECTIVE_LOCATION_ADDED", &at, format!("it may stand on `{location}` now"));
        }
        self.description(&at, old.description.as_ref(), new.description.as_ref());
    }

    fn about(&mut self, at: &str, old: &About, new: &About) {
        self.description(at, old.description.as_ref(), new.description.as_ref());
        if old.deprecated != new.deprecated {
            let message = match (&old.deprecated, &new.deprecated) {
                (None, Some(reason)) => format!("it is deprecated now: {reason}"),
                (_, Some(reason)) => format!("the reason of its deprecation is now: {reason}"),
                (_, None) => "it is no longer deprecated".to_owned(),
            };
            self.add(Level::Safe, "DEPRECATION_CHANGED", at, message);
        }
    }

    fn description(&mut self, at: &str, old: Option<&String>, new: Option<&String>) {
        if old != new {
            self.add(Level::Safe, "DESCRIPTION_CHANGED", at, "the description changed");
        }
    }
}

/// What the classes are called for one family of inputs.
struct Names {
    removed: &'static str,
    required_added: &'static str,
    optional_added: (Level, &'static str),
    changed: &'static str,
    changed_safe: &'static str,
    default_changed: &'static str,
    default_added: &'static str,
}

const ARGUMENT: Names = Names {
    removed: "ARG_REMOVED",
    required_added: "REQUIRED_ARG_ADDED",
    optional_added: (Level::Dangerous, "OPTIONAL_ARG_ADDED"),
    changed: "ARG_CHANGED_KIND",
    changed_safe: "ARG_CHANGED_KIND_SAFE",
    default_changed: "ARG_DEFAULT_VALUE_CHANGE",
    default_added: "ARG_DEFAULT_VALUE_ADDED",
};

const DIRECTIVE_ARGUMENT: Names = Names {
    removed: "DIRECTIVE_ARG_REMOVED",
    required_added: "REQUIRED_DIRECTIVE_ARG_ADDED",
    optional_added: (Level::Safe, "OPTIONAL_DIRECTIVE_ARG_ADDED"),
    ..ARGUMENT
};

const INPUT_FIELD: Names = Names {
    removed: "FIELD_REMOVED",
    required_added: "REQUIRED_INPUT_FIELD_ADDED",
    optional_added: (Level::Dangerous, "OPTIONAL_INPUT_FIELD_ADDED"),
    changed: "FIELD_CHANGED_KIND",
    changed_safe: "FIELD_CHANGED_KIND_SAFE",
    default_changed: "INPUT_FIELD_DEFAULT_VALUE_CHANGE",
    default_added: "INPUT_FIELD_DEFAULT_VALUE_ADDED",
};

fn kind_of(kind: &ApiKind) -> &'static str {
    match kind {
        ApiKind::Scalar => "a scalar",
        ApiKind::Object { .. } => "an object type",
        ApiKind::Interface { .. } => "an interface",
        ApiKind::Union { .. } => "a union",
        ApiKind::Enum { .. } => "an enum",
        ApiKind::Input { .. } => "an input type",
    }
}

/// Whether whoever reads values of the old type can read all values of the new one: it may only promise more.
fn output_fits(old: &Reference, new: &Reference) -> bool {
    match (old, new) {
        (Reference::NonNull(old), Reference::NonNull(new)) | (Reference::List(old), Reference::List(new)) => {
            output_fits(old, new)
        }
        (old @ (Reference::Named(_) | Reference::List(_)), Reference::NonNull(new)) => output_fits(old, new),
        (Reference::Named(old), Reference::Named(new)) => old == new,
        // `T!` became `T`, or one value a list.
        _ => false,
    }
}

/// Whether all values of the old type can be given where the new one is wanted: it may only ask for less.
fn input_fits(old: &Reference, new: &Reference) -> bool {
    match (old, new) {
        (Reference::NonNull(old), Reference::NonNull(new)) | (Reference::List(old), Reference::List(new)) => {
            input_fits(old, new)
        }
        (Reference::NonNull(old), new @ (Reference::Named(_) | Reference::List(_))) => input_fits(old, new),
        (Reference::Named(old), Reference::Named(new)) => old == new,
        // `T` became `T!`, or a list one value.
        _ => false,
    }
}
