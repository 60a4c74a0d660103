//! Sets of offsets as pieces without gaps: what a group has read takes little room.

/// Pieces; more, and the lowest are closed up.
const INTERVALS_MAX: usize = 256;

/// Offsets as pieces without gaps: first and end of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::world) struct Intervals(Vec<(i64, i64)>);

impl Intervals {
    /// Adds an offset; false when it was there.
    pub(in crate::world) fn insert(&mut self, offset: i64) -> bool {
        let at = self.0.partition_point(|(_, end)| *end < offset);
        match self.0.get_mut(at) {
            Some((first, end)) if *first <= offset && offset < *end => return false,
            Some((_, end)) if *end == offset => {
                *end += 1;
                let end = *end;
                if let Some((next, next_end)) = self.0.get(at + 1).copied()
                    && next == end
                {
                    self.0[at].1 = next_end;
                    self.0.remove(at + 1);
                }
            }
            Some((first, _)) if *first == offset + 1 => *first = offset,
            _ => self.0.insert(at, (offset, offset + 1)),
        }
        if self.0.len() > INTERVALS_MAX {
            let (first, _) = self.0.remove(0);
            self.0[0].0 = first;
        }
        true
    }

    /// Whether it was added.
    pub(in crate::world) fn contains(&self, offset: i64) -> bool {
        let at = self.0.partition_point(|(_, end)| *end <= offset);
        self.0.get(at).is_some_and(|(first, _)| *first <= offset)
    }

    /// The lowest offset.
    pub(in crate::world) fn first(&self) -> Option<i64> {
        self.0.first().map(|(first, _)| *first)
    }

    /// The offset after the highest.
    pub(in crate::world) fn end(&self) -> Option<i64> {
        self.0.last().map(|(_, end)| *end)
    }

    /// The offsets from `first` on and below `end`.
    pub(in crate::world) fn between(&self, first: i64, end: i64) -> impl Iterator<Item = i64> {
        let at = self.0.partition_point(|(_, end)| *end <= first);
        let pieces = self.0.iter().skip(at).take_while(move |(from, _)| *from < end);
        pieces.flat_map(move |(from, to)| first.max(*from)..end.min(*to))
    }

    /// Forgets everything from `end` on.
    pub(in crate::world) fn cut_from(&mut self, end: i64) {
        self.0.retain(|(first, _)| *first < end);
        if let Some((_, last)) = self.0.last_mut() {
            *last = (*last).min(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_grow_together() {
        let mut read = Intervals::default();
        for offset in [5, 6, 3, 9, 4, 8, 7] {
            assert!(read.insert(offset), "{offset}");
        }
        assert_eq!(read.0, [(3, 10)]);
        assert!(!read.insert(3) && !read.insert(9));
        assert!(read.insert(10) && read.insert(1));
        read.cut_from(6);
        assert_eq!(read.0, [(1, 2), (3, 6)]);
    }

    #[test]
    fn they_agree_with_a_set() {
        let mut rng = crate::base::Rng::new(7);
        let (mut read, mut set) = (Intervals::default(), crate::base::SortedSet::new());
        for _ in 0..2_000 {
            let offset = rng.below(300) as i64;
            assert_eq!(read.contains(offset), set.contains(&offset), "{offset}");
            assert_eq!(read.insert(offset), set.insert(offset), "{offset}");
            let (first, end) = (rng.below(300) as i64, rng.below(300) as i64);
            let between: Vec<i64> =
                set.iter().copied().filter(|o| (first..end).contains(o)).collect();
            assert_eq!(read.between(first, end).collect::<Vec<_>>(), between);
            assert_eq!(read.first(), set.first().copied());
            assert_eq!(read.end(), set.last().map(|last| last + 1));
            if rng.below(200) == 0 {
                let end = rng.below(300) as i64;
                read.cut_from(end);
                set.retain(|offset| *offset < end);
            }
        }
    }
}
