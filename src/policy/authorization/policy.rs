//! Policies: CEL expressions that are compiled when the configuration is read.

use std::sync::{Arc, LazyLock};

use cel::{Env, Program, Value as Cel};

use super::{facts::Facts, this};
use crate::mapping::KeyTree;

/// What expressions may use.
pub(super) const VARIABLES: [&str; 6] = ["claims", "headers", "args", "operation", THIS, "certificate"];
/// The object that has the field.
pub(super) const THIS: &str = "this";

/// Functions of CEL; none of our own.
pub(super) static FUNCTIONS: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// Of each of the variables, whether it is read, or there.
pub(super) type Reads = [bool; VARIABLES.len()];

/// An expression.
pub(super) struct Policy {
    program: Program,
    reads: Reads,
    this: KeyTree,
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Policy").field("reads", &self.reads).finish_non_exhaustive()
    }
}

impl Policy {
    /// Errors: what is wrong with the expression.
    pub(super) fn compile(text: &str) -> Result<Self, String> {
        let program = FUNCTIONS.compile(text).map_err(|errors| {
            let text = errors.to_string();
            text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
        })?;
        let references = program.references();
        let mut unknown: Vec<&str> = references.variables().into_iter().collect();
        unknown.retain(|name| !VARIABLES.contains(name));
        let bound = this::bound(program.expression());
        unknown.retain(|name| !bound.contains(name));
        unknown.sort_unstable();
        if let Some(name) = unknown.first() {
            let known = VARIABLES.map(|name| format!("`{name}`")).join(", ");
            return Err(format!("it uses `{name}`, but only {known} are there"));
        }
        let reads = VARIABLES.map(|name| references.has_variable(name));
        let this = this::fields(program.expression())?;
        Ok(Self { program, reads, this })
    }

    /// What the outcome depends on.
    pub(super) fn reads(&self) -> Reads {
        self.reads
    }

    /// Whether the outcome depends on headers.
    pub(super) fn reads_headers(&self) -> bool {
        self.reads[1]
    }

    /// Whether the outcome depends on the field's arguments.
    pub(super) fn reads_arguments(&self) -> bool {
        self.reads[2]
    }

    /// Whether the outcome depends on the object that has the field.
    pub(super) fn reads_this(&self) -> bool {
        self.reads[4]
    }

    /// What of that object.
    pub(super) fn this(&self) -> &KeyTree {
        &self.this
    }

    /// Whether it holds. What cannot be evaluated, and what is neither true nor false, does not; `None`: that depends on what is not
    /// known.
    pub(super) fn holds(&self, facts: &Facts<'_>) -> Option<bool> {
        match self.program.execute(&facts.context) {
            Ok(Cel::Bool(holds)) => Some(holds),
            // `true || this.x` is decided, whatever the object is.
            _ if facts.known.iter().zip(self.reads).any(|(is_known, reads)| reads && !is_known) => None,
            _ => Some(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_object_are_read_from_the_expression() {
        let names = |text: &str| Policy::compile(text).map(|policy| show(policy.this()));
        assert_eq!(names("claims.sub == 'a'"), Ok(String::new()));
        assert_eq!(names("this.ownerId == claims.sub || this.team.id in claims.teams"), Ok("ownerId team{id}".into()));
        assert_eq!(names("has(this.tags) && this['tags'].exists(tag, tag == claims.tag)"), Ok("tags".into()));
        assert_eq!(names("this.members.exists(one, one.user.id == claims.sub)"), Ok("members{user{id}}".into()));
        assert_eq!(names("this.name.startsWith(claims.prefix)"), Ok("name".into()));
        assert_eq!(names("this.lists.all(a, a.items.all(b, b.id > 0))"), Ok("lists{items{id}}".into()));
        for text in ["this == claims.me", "size(this) > 1", "this[claims.field] == 1", "[this].size() == 1"] {
            let fault = names(text).expect_err(text);
            assert!(fault.contains("name the fields"), "{text}: {fault}");
        }
        assert!(names("clams.a").expect_err("no such variable").contains("`clams`"));
        for absolute in [".this.a == 1", ".claims.sub == 'a'", "[1].exists(this, .this.a == this)"] {
            assert!(names(absolute).is_err(), "{absolute}");
        }
        assert!(names("claims.a.exists(x, y == 1)").expect_err("no such variable").contains("`y`"));
    }

    fn show(tree: &KeyTree) -> String {
        let name = |(name, nested): (&Arc<str>, &KeyTree)| match show(nested) {
            below if below.is_empty() => name.to_string(),
            below => format!("{name}{{{below}}}"),
        };
        tree.keys.iter().map(name).collect::<Vec<_>>().join(" ")
    }
}
