//! The ACLs of a tree, each list kept once and named by a number, as the snapshot stores them.
//!
//! In ZooKeeper: `server.ReferenceCountedACLCache`.

use crate::base::SortedMap;
use crate::wire::zookeeper::Acl;

/// The number of the ACL that lets everybody do everything.
pub(super) const OPEN_ACL_UNSAFE_ID: i64 = -1;
/// ACL lists by number, with how many znodes use each.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct AclCache {
    lists: SortedMap<i64, (Vec<Acl>, u64)>,
    last: i64,
}

impl AclCache {
    /// The number of `acl`, used once more.
    pub(super) fn take(&mut self, acl: &[Acl]) -> i64 {
        let known = self.lists.iter_mut().find(|(_, (list, _))| list == acl);
        if let Some((number, (_, uses))) = known {
            *uses += 1;
            return *number;
        }
        self.last += 1;
        self.lists.insert(self.last, (acl.to_vec(), 1));
        self.last
    }

    /// Counts one more use of a number that a snapshot names; false when nobody defined it.
    pub(super) fn take_number(&mut self, number: i64) -> bool {
        if number == OPEN_ACL_UNSAFE_ID {
            return true;
        }
        self.lists.get_mut(&number).map(|(_, uses)| *uses += 1).is_some()
    }

    /// One use less; a list that nobody uses is forgotten.
    pub(super) fn release(&mut self, number: i64) {
        if let Some((_, uses)) = self.lists.get_mut(&number) {
            *uses = uses.saturating_sub(1);
            if *uses == 0 {
                self.lists.remove(&number);
            }
        }
    }

    /// The list with this number.
    pub(super) fn get(&self, number: i64) -> Vec<Acl> {
        match self.lists.get(&number) {
            Some((list, _)) => list.clone(),
            None => Acl::open(),
        }
    }

    /// The entries of the list with this number; none when anybody may do anything.
    pub(super) fn entries(&self, number: i64) -> Option<&[Acl]> {
        self.lists.get(&number).map(|(list, _)| list.as_slice())
    }

    /// Defines a number as a snapshot does, unused yet.
    pub(super) fn define(&mut self, number: i64, acl: Vec<Acl>) {
        self.last = self.last.max(number);
        self.lists.insert(number, (acl, 0));
    }

    /// All lists by number.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (i64, &Vec<Acl>)> {
        self.lists.iter().map(|(number, (list, _))| (*number, list))
    }

    /// Forgets what a snapshot defined and no znode uses.
    pub(super) fn purge_unused(&mut self) {
        self.lists.retain(|_, (_, uses)| *uses > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::zookeeper::permission;

    #[test]
    fn equal_lists_share_a_number_until_nobody_uses_it() {
        let mut cache = AclCache::default();
        let open = Acl::open();
        let read = vec![Acl { perms: permission::READ, ..open[0].clone() }];
        assert_eq!((cache.take(&open), cache.take(&read), cache.take(&open)), (1, 2, 1));
        cache.release(1);
        assert_eq!(cache.get(1), open);
        cache.release(1);
        assert_eq!(cache.take(&open), 3, "a number is not given again");
        assert_eq!(cache.get(OPEN_ACL_UNSAFE_ID), open);
    }
}
