//! A value shared by many components. Two are equal when they are the same value in memory, so a
//! component whose part of the world did not change is skipped without comparing it field by field.

use std::ops::Deref;
use std::rc::Rc;

/// A shared, unchanging value.
#[derive(Debug)]
pub struct Shared<T>(Rc<T>);

impl<T> Shared<T> {
    /// Shares `value`.
    pub fn new(value: T) -> Self {
        Self(Rc::new(value))
    }
}

impl<T: PartialEq> Shared<T> {
    /// `value`, or this very one when it is the same: whoever shows it need not draw again.
    pub fn renewed(&self, value: T) -> Self {
        if *self.0 == value { self.clone() } else { Self::new(value) }
    }
}

impl<T: Default> Default for Shared<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}
