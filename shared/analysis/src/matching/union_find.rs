//! Clusters of everything that is connected, directly or through others.

/// Sets of `0..n` that are joined pair by pair; a step costs almost nothing however many there are.
#[derive(Debug, Clone)]
pub struct UnionFind {
    parents: Vec<u32>,
    sizes: Vec<u32>,
}

impl UnionFind {
    /// `n` members, each alone.
    pub fn new(n: u32) -> Self {
        Self { parents: (0..n).collect(), sizes: vec![1; n as usize] }
    }

    /// The member that stands for the set of `member`; `member` itself when there is no such member.
    pub fn find(&mut self, mut member: u32) -> u32 {
        loop {
            let parent = self.parent(member);
            if parent == member {
                return member;
            }
            // Halves the way for those who come later.
            let grandparent = self.parent(parent);
            if let Some(place) = self.parents.get_mut(member as usize) {
                *place = grandparent;
            }
            member = grandparent;
        }
    }

    /// Joins the sets of two members; whether they were apart.
    pub fn union(&mut self, left: u32, right: u32) -> bool {
        let (left, right) = (self.find(left), self.find(right));
        if left == right {
            return false;
        }
        let size = |root: u32| self.sizes.get(root as usize).copied().unwrap_or_default();
        let total = size(left) + size(right);
        let (large, small) = if size(left) >= size(right) { (left, right) } else { (right, left) };
        if let Some(parent) = self.parents.get_mut(small as usize) {
            *parent = large;
        }
        if let Some(size) = self.sizes.get_mut(large as usize) {
            *size = total;
        }
        true
    }

    /// The number of each member's cluster, clusters numbered from 0 in the order of their first members.
    pub fn clusters(mut self) -> Vec<u32> {
        let members = u32::try_from(self.parents.len()).unwrap_or(u32::MAX);
        let mut numbers = vec![None; self.parents.len()];
        let mut next = 0;
        let number_of = |root: u32| match numbers.get_mut(root as usize) {
            Some(Some(number)) => *number,
            Some(place) => {
                let number = next;
                next += 1;
                *place = Some(number);
                number
            }
            None => 0,
        };
        let roots: Vec<u32> = (0..members).map(|member| self.find(member)).collect();
        roots.into_iter().map(number_of).collect()
    }

    fn parent(&self, member: u32) -> u32 {
        self.parents.get(member as usize).copied().unwrap_or(member)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn members_are_alone_until_joined() {
        assert_eq!(UnionFind::new(0).clusters(), [0_u32; 0]);
        assert_eq!(UnionFind::new(3).clusters(), [0, 1, 2]);
        let mut sets = UnionFind::new(4);
        assert!(sets.union(3, 1) && !sets.union(1, 3));
        assert_eq!(sets.clusters(), [0, 1, 2, 1]);
    }

    proptest! {
        /// Against spreading the least member over all pairs until nothing changes.
        #[test]
        fn equals_spreading_labels(pairs in prop::collection::vec((0_u32..30, 0_u32..30), 0..40)) {
            let mut sets = UnionFind::new(30);
            let mut labels: Vec<u32> = (0..30).collect();
            for (left, right) in &pairs {
                sets.union(*left, *right);
            }
            for _ in 0..30 {
                for (left, right) in &pairs {
                    let least = labels[*left as usize].min(labels[*right as usize]);
                    labels[*left as usize] = least;
                    labels[*right as usize] = least;
                }
            }
            let mut firsts: Vec<u32> = labels.clone();
            firsts.sort_unstable();
            firsts.dedup();
            let numbers: Vec<u32> = labels.iter().map(|label| firsts.binary_search(label).unwrap() as u32).collect();
            prop_assert_eq!(sets.clusters(), numbers);
        }
    }
}
