//! What outlives a snapshot: a reload must not forget that a service is down, nor throw warm connections away.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use super::Pressure;

/// State of the process that layers share between snapshots: pools, breakers, health, loads, budgets, caches.
///
/// A piece of state is found by its type, the name of its upstream and its settings: a reload that changes the settings of
/// a layer starts that layer anew and leaves the others alone. What no snapshot uses any more is dropped with the last one
/// that did.
#[derive(Debug, Default)]
pub struct Kept {
    hasher: RandomState,
    entries: Mutex<HashMap<Key, Weak<dyn Any + Send + Sync>>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    kind: TypeId,
    upstream: Arc<str>,
    settings: u64,
}

impl Kept {
    /// The state of kind `T` of an upstream with these settings: what an earlier snapshot left, or what `make` gives.
    ///
    /// Every setting that `make` reads belongs into `settings`. State of the whole process goes by the upstream `""`.
    pub(crate) fn share<T: Any + Send + Sync>(
        &self,
        upstream: &Arc<str>,
        settings: &impl Hash,
        make: impl FnOnce() -> T,
    ) -> Arc<T> {
        let key =
            Key { kind: TypeId::of::<T>(), upstream: Arc::clone(upstream), settings: self.hasher.hash_one(settings) };
        // Nothing in here panics half way through a change.
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|_, state| state.strong_count() > 0);
        if let Some(state) = entries.get(&key).and_then(Weak::upgrade)
            && let Ok(state) = state.downcast()
        {
            return state;
        }
        let state = Arc::new(make());
        let entry: Arc<dyn Any + Send + Sync> = Arc::clone(&state) as _;
        entries.insert(key, Arc::downgrade(&entry));
        state
    }
}

impl Kept {
    /// How much the gateway as a whole has to do: one for all who share this.
    pub fn pressure(&self) -> Arc<Pressure> {
        self.share(&"".into(), &"pressure", Pressure::default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_settings_find_the_same_state() {
        let kept = Kept::default();
        let name: Arc<str> = "catalog".into();
        let first = kept.share(&name, &(1, "a"), || 7_u32);
        assert!(Arc::ptr_eq(&first, &kept.share(&name, &(1, "a"), || 8)));
        assert!(!Arc::ptr_eq(&first, &kept.share(&name, &(2, "a"), || 8)), "other settings");
        assert!(!Arc::ptr_eq(&first, &kept.share(&"orders".into(), &(1, "a"), || 8)), "another upstream");
        assert_eq!(*kept.share(&name, &(1, "a"), || 9_u64), 9, "another kind");
    }

    #[test]
    fn what_nobody_uses_is_dropped() {
        let kept = Kept::default();
        let name: Arc<str> = "catalog".into();
        let first = kept.share(&name, &1, || 7);
        drop(first);
        assert_eq!(*kept.share(&name, &1, || 8), 8);
        assert!(kept.entries.lock().unwrap().len() <= 1);
    }
}
