//! Objects: members in the order in which they came, most of them few.

use std::{fmt, hash::BuildHasher, ops::Index};

use compact_str::CompactString;
use hashbrown::{DefaultHashBuilder, HashTable};

use super::Value;

/// The name of a member; a short one needs no room of its own.
pub type Name = CompactString;

/// So many members are looked through one by one; of more, a table knows the places.
const FEW: usize = 8;

/// An object in the order of its keys. Two are equal when their members are, in whatever order.
#[derive(Clone, Default)]
pub struct Object {
    members: Vec<(Name, Value)>,
    /// Where each member is; `None` while there are few.
    table: Option<Box<Table>>,
}

/// Places by name. Seeded anew for each: names come from services and callers.
#[derive(Clone, Default)]
struct Table {
    places: HashTable<usize>,
    hasher: DefaultHashBuilder,
}

impl Object {
    /// Without members.
    pub const fn new() -> Self {
        Self { members: Vec::new(), table: None }
    }

    /// With room for so many members.
    pub fn with_capacity(count: usize) -> Self {
        Self { members: Vec::with_capacity(count), table: None }
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The value of a member.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.place(name).map(|place| &self.members[place].1)
    }

    /// The value of a member, to change.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.place(name).map(|place| &mut self.members[place].1)
    }

    /// Whether there is such a member.
    pub fn contains_key(&self, name: &str) -> bool {
        self.place(name).is_some()
    }

    /// Gives a member a value: one that is there keeps its place, a new one is the last. Gives the value that it had.
    pub fn insert(&mut self, name: impl AsRef<str> + Into<Name>, value: Value) -> Option<Value> {
        if let Some(place) = self.place(name.as_ref()) {
            return Some(std::mem::replace(&mut self.members[place].1, value));
        }
        self.members.push((name.into(), value));
        match &mut self.table {
            Some(table) => table.note(&self.members, self.members.len() - 1),
            None if self.members.len() > FEW => self.make_table(),
            None => {}
        }
        None
    }

    /// Takes a member out; the last one takes its place.
    pub fn swap_remove(&mut self, name: &str) -> Option<Value> {
        let place = self.place(name)?;
        let (_, value) = self.members.swap_remove(place);
        self.renew_table();
        Some(value)
    }

    /// The members.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Name, &Value)> + ExactSizeIterator {
        self.members.iter().map(|(name, value)| (name, value))
    }

    /// Their names.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &Name> + ExactSizeIterator {
        self.members.iter().map(|(name, _)| name)
    }

    /// Their values.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Value> + ExactSizeIterator {
        self.members.iter().map(|(_, value)| value)
    }

    /// Their values, to change.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        self.members.iter_mut().map(|(_, value)| value)
    }

    fn place(&self, name: &str) -> Option<usize> {
        match &self.table {
            None => self.members.iter().position(|(other, _)| other == name),
            Some(table) => table.find(&self.members, name),
        }
    }

    fn make_table(&mut self) {
        let mut table = Box::<Table>::default();
        for place in 0..self.members.len() {
            table.note(&self.members, place);
        }
        self.table = Some(table);
    }

    /// After a member went: places are others now.
    fn renew_table(&mut self) {
        self.table = None;
        if self.members.len() > FEW {
            self.make_table();
        }
    }
}

impl Table {
    fn find(&self, members: &[(Name, Value)], name: &str) -> Option<usize> {
        self.places.find(self.hasher.hash_one(name), |&place| members[place].0 == name).copied()
    }

    fn note(&mut self, members: &[(Name, Value)], place: usize) {
        let hash = |place: usize| self.hasher.hash_one(members[place].0.as_str());
        self.places.insert_unique(hash(place), place, |&place| hash(place));
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_map().entries(self.iter()).finish()
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(name, value)| other.get(name) == Some(value))
    }
}

impl Eq for Object {}

impl Index<&str> for Object {
    type Output = Value;

    /// Panics where there is no such member.
    fn index(&self, name: &str) -> &Value {
        self.get(name).expect("a member of that name")
    }
}

impl<N: AsRef<str> + Into<Name>> Extend<(N, Value)> for Object {
    fn extend<I: IntoIterator<Item = (N, Value)>>(&mut self, members: I) {
        for (name, value) in members {
            self.insert(name, value);
        }
    }
}

impl<N: AsRef<str> + Into<Name>> FromIterator<(N, Value)> for Object {
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(members: I) -> Self {
        let members = members.into_iter();
        let mut object = Self::with_capacity(members.size_hint().0);
        object.extend(members);
        object
    }
}

impl IntoIterator for Object {
    type Item = (Name, Value);
    type IntoIter = std::vec::IntoIter<(Name, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.members.into_iter()
    }
}

impl<'o> IntoIterator for &'o Object {
    type Item = (&'o Name, &'o Value);
    type IntoIter = std::iter::Map<std::slice::Iter<'o, (Name, Value)>, fn(&'o (Name, Value)) -> Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.members.iter().map(|(name, value)| (name, value))
    }
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Insert(u8, i64),
        Swap(u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        let name = || 0_u8..24;
        prop_oneof![
            6 => (name(), any::<i64>()).prop_map(|(name, value)| Step::Insert(name, value)),
            1 => name().prop_map(Step::Swap),
        ]
    }

    fn number(value: i64) -> Value {
        Value::Number(value.into())
    }

    proptest! {
        #[test]
        fn few_members_or_many_are_in_order(steps in prop::collection::vec(step(), 0..80)) {
            let mut object = Object::new();
            let mut model: IndexMap<String, Value> = IndexMap::new();
            for step in steps {
                let (was, wanted) = match step {
                    Step::Insert(name, value) => {
                        let name = format!("a-name-that-needs-room-{name}");
                        (object.insert(name.as_str(), number(value)), model.insert(name, number(value)))
                    }
                    Step::Swap(name) => {
                        let name = format!("a-name-that-needs-room-{name}");
                        (object.swap_remove(&name), model.swap_remove(&name))
                    }
                };
                prop_assert_eq!(was, wanted);
                prop_assert_eq!(object.len(), model.len());
                let members = object.iter().map(|(name, value)| (name.to_string(), value.clone()));
                prop_assert!(members.eq(model.clone()));
                prop_assert!(model.iter().all(|(name, value)| object.get(name) == Some(value)));
            }
            let backwards: Object = model.into_iter().rev().collect();
            prop_assert_eq!(&object, &backwards);
        }
    }

    #[test]
    fn many_members_are_found_as_fast_as_few() {
        let object: Object = (0..300_000).map(|name| (format!("{name}"), number(name))).collect();
        for name in [0, 7, 299_999] {
            assert_eq!(object[&*format!("{name}")], number(name));
        }
        assert!(!object.contains_key("300000"));
    }
}
