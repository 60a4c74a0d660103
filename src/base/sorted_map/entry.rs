//! One entry of a map, there or not: found once, then read or filled without another search.

/// The entry of a key.
pub enum Entry<'a, K, V> {
    /// The key has a value.
    Occupied(OccupiedEntry<'a, K, V>),
    /// It has none.
    Vacant(VacantEntry<'a, K, V>),
}

/// An entry that is there.
pub struct OccupiedEntry<'a, K, V> {
    pub(super) entries: &'a mut Vec<(K, V)>,
    pub(super) place: usize,
    pub(super) key: K,
}

/// The place of an entry that is not there.
pub struct VacantEntry<'a, K, V> {
    pub(super) entries: &'a mut Vec<(K, V)>,
    pub(super) place: usize,
    pub(super) key: K,
}

impl<'a, K, V> Entry<'a, K, V> {
    /// The value, `value` when there was none.
    pub fn or_insert(self, value: V) -> &'a mut V {
        match self {
            Self::Occupied(entry) => entry.into_mut(),
            Self::Vacant(entry) => entry.insert(value),
        }
    }

    /// The value, what `make` gives when there was none.
    pub fn or_insert_with(self, make: impl FnOnce() -> V) -> &'a mut V {
        match self {
            Self::Occupied(entry) => entry.into_mut(),
            Self::Vacant(entry) => entry.insert(make()),
        }
    }

    /// The value, the type's default when there was none.
    pub fn or_default(self) -> &'a mut V
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }

    /// Changes the value if there is one.
    pub fn and_modify(mut self, change: impl FnOnce(&mut V)) -> Self {
        if let Self::Occupied(entry) = &mut self {
            change(entry.get_mut());
        }
        self
    }

    /// The key.
    pub fn key(&self) -> &K {
        match self {
            Self::Occupied(entry) => &entry.key,
            Self::Vacant(entry) => &entry.key,
        }
    }
}

impl<'a, K, V> OccupiedEntry<'a, K, V> {
    /// The key.
    pub fn key(&self) -> &K {
        &self.key
    }

    /// The value.
    pub fn get(&self) -> &V {
        &self.entries[self.place].1
    }

    /// The value, to be changed.
    pub fn get_mut(&mut self) -> &mut V {
        &mut self.entries[self.place].1
    }

    /// The value, to be changed for as long as the map is lent.
    pub fn into_mut(self) -> &'a mut V {
        &mut self.entries[self.place].1
    }

    /// Replaces the value; the one that it was comes back.
    pub fn insert(&mut self, value: V) -> V {
        std::mem::replace(self.get_mut(), value)
    }

    /// Takes the value out.
    pub fn remove(self) -> V {
        self.entries.remove(self.place).1
    }
}

impl<'a, K, V> VacantEntry<'a, K, V> {
    /// The key.
    pub fn key(&self) -> &K {
        &self.key
    }

    /// Gives the key a value.
    pub fn insert(self, value: V) -> &'a mut V {
        self.entries.insert(self.place, (self.key, value));
        &mut self.entries[self.place].1
    }
}
