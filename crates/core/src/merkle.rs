//! The Merkle tree of RFC 6962, section 2.1 (RFC 9162, section 2.1): all of it that appending and proving need.
//!
//! ```text
//! hash of a leaf   SHA-256(0x00 ‖ leaf)
//! hash of a node   SHA-256(0x01 ‖ left ‖ right)
//! root of nothing  SHA-256("")
//! ```

use sha2::{Digest, Sha256};

use crate::audit::Hash;

/// Most peaks of a frontier: one for each bit of its size.
pub const PEAKS_MAX: usize = 64;

/// A tree without its inside: the roots of its full subtrees, the largest first. The next leaf needs nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The frontier of a tree of `size` leaves; `None` when it has another number of peaks than that size.
    pub fn from_peaks(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        (usize::try_from(size.count_ones()) == Ok(peaks.len())).then_some(Self { size, peaks })
    }

    /// Leaves of the tree.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of its full subtrees, the largest first.
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Adds a leaf.
    pub fn append(&mut self, leaf: &[u8]) {
        let mut hash: Hash = Sha256::new().chain_update([0]).chain_update(leaf).finalize().into();
        // Each full subtree as large as what is being added is joined with it, as a carry runs through a sum.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        let root = self.peaks.iter().rev().copied().reduce(|right, left| node(&left, &right));
        root.unwrap_or_else(|| Sha256::digest([]).into())
    }
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition of RFC 6962, section 2.1, word by word.
    fn definition(leaves: &[Vec<u8>]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [leaf] => Sha256::new().chain_update([0]).chain_update(leaf).finalize().into(),
            _ => {
                let mut split = 1;
                while split * 2 < leaves.len() {
                    split *= 2;
                }
                node(&definition(&leaves[..split]), &definition(&leaves[split..]))
            }
        }
    }

    /// Leaves and roots of the test data that the Certificate Transparency implementations share.
    const LEAVES: [&str; 8] =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    #[test]
    fn roots_of_the_published_leaves_are_the_published_ones() {
        let mut frontier = Frontier::default();
        let mut roots = vec![hex::encode(frontier.root())];
        for leaf in LEAVES {
            frontier.append(&hex::decode(leaf).unwrap());
            roots.push(hex::encode(frontier.root()));
        }
        assert_eq!(roots, ROOTS);
    }

    #[test]
    fn peaks_when_more_or_fewer_than_the_size_has_are_refused() {
        assert_eq!(Frontier::from_peaks(0, Vec::new()), Some(Frontier::default()));
        assert_eq!(Frontier::from_peaks(3, vec![[0; 32]; 3]), None);
        assert_eq!(Frontier::from_peaks(4, vec![[0; 32]; 2]), None);
    }

    proptest! {
        #[test]
        fn frontier_when_taken_up_anywhere_has_the_root_of_the_definition(
            leaves in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..6), 0..70),
            stop in 0_usize..70,
        ) {
            let mut frontier = Frontier::default();
            for (index, leaf) in leaves.iter().enumerate() {
                if index == stop {
                    frontier = Frontier::from_peaks(frontier.size(), frontier.peaks().to_vec()).unwrap();
                }
                frontier.append(leaf);
            }
            prop_assert_eq!(frontier.root(), definition(&leaves));
            prop_assert_eq!(frontier.size(), leaves.len() as u64);
        }
    }
}
