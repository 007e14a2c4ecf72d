//! Which paths an index of git lists as repositories of their own (gitformat-index(5), versions 2 to 4).

/// Paths of mode 160000, by either length of hashes, which the file does not say; none when these bytes are no index that
/// is understood.
pub(super) fn gitlinks(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    match (links(bytes, SHA1_BYTES), links(bytes, SHA256_BYTES)) {
        (Some(mut one), Some(other)) => {
            one.extend(other);
            Some(one)
        }
        (one, other) => one.or(other),
    }
}

fn links(bytes: &[u8], hash_bytes: usize) -> Option<Vec<Vec<u8>>> {
    let rest = bytes.strip_prefix(b"DIRC")?;
    let (version, rest) = number(rest)?;
    let (count, mut rest) = number(rest)?;
    if !(2..=4).contains(&version) {
        return None;
    }
    let (mut found, mut path) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let entry = rest;
        let (mode, _) = number(entry.get(MODE_AT..)?)?;
        let flags_at = STAT_BYTES + hash_bytes;
        let flags = entry.get(flags_at..flags_at + 2)?.first()?;
        let extended = if version >= 3 && flags & EXTENDED != 0 { 2 } else { 0 };
        let mut name_at = flags_at + 2 + extended;
        if version == 4 {
            let (stripped, used) = offset(entry.get(name_at..)?)?;
            path.truncate(path.len().checked_sub(stripped)?);
            name_at += used;
        } else {
            path.clear();
        }
        let name = entry.get(name_at..)?;
        let end = name.iter().position(|byte| *byte == 0)?;
        path.extend_from_slice(name.get(..end)?);
        let length = name_at + end + 1;
        // Entries of versions 2 and 3 end with 1 to 8 zero bytes, at a multiple of 8.
        let length = if version == 4 { length } else { length.next_multiple_of(8) };
        rest = entry.get(length..)?;
        if mode == GITLINK {
            found.push(path.clone());
        }
    }
    ends(rest, hash_bytes).then_some(found)
}

/// Whether extensions follow, each with its size, and a checksum.
fn ends(mut rest: &[u8], hash_bytes: usize) -> bool {
    while rest.len() > hash_bytes {
        let size = rest.get(4..).and_then(number).map(|(size, _)| size as usize);
        let Some(after) = size.and_then(|size| rest.get(size.checked_add(8)?..)) else { return false };
        rest = after;
    }
    rest.len() == hash_bytes
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*number), rest))
}

/// A number as in pack files: seven bits a byte, each but the last plus one; and how many bytes it took.
fn offset(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0_usize;
    for (at, byte) in bytes.iter().enumerate().take(5) {
        value = (value << 7) | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, at + 1));
        }
        value += 1;
    }
    None
}

const GITLINK: u32 = 0o160_000;
const MODE_AT: usize = 24;
const STAT_BYTES: usize = 40;
const SHA1_BYTES: usize = 20;
const SHA256_BYTES: usize = 32;
const EXTENDED: u8 = 0x40;

#[cfg(test)]
mod tests {
    use super::*;

    fn index(version: u32, hash_bytes: usize, entries: &[(u32, &str)]) -> Vec<u8> {
        let mut bytes = b"DIRC".to_vec();
        bytes.extend(version.to_be_bytes());
        bytes.extend(u32::try_from(entries.len()).unwrap().to_be_bytes());
        let mut last = 0_u8;
        for (mode, path) in entries {
            let start = bytes.len();
            bytes.extend([0; 24]);
            bytes.extend(mode.to_be_bytes());
            bytes.extend(vec![0; 12 + hash_bytes + 2]);
            if version == 4 {
                bytes.push(last);
                last = u8::try_from(path.len()).unwrap();
            }
            bytes.extend(path.as_bytes());
            bytes.push(0);
            while version != 4 && !(bytes.len() - start).is_multiple_of(8) {
                bytes.push(0);
            }
        }
        bytes.extend(b"TREE\0\0\0\x03abc");
        bytes.extend(vec![7; hash_bytes]);
        bytes
    }

    #[test]
    fn gitlinks_of_every_version_and_hash_are_found() {
        let entries = [(0o100_644, "a.txt"), (GITLINK, "deep/sub"), (0o100_755, "x"), (GITLINK, "zz")];
        for (version, hash_bytes) in [(2, 20), (3, 20), (4, 20), (2, 32), (4, 32)] {
            let bytes = index(version, hash_bytes, &entries);
            let expected = vec![b"deep/sub".to_vec(), b"zz".to_vec()];
            assert_eq!(gitlinks(&bytes), Some(expected), "{version} {hash_bytes}");
            assert_eq!(gitlinks(&bytes[..40]), None);
        }
        assert_eq!(gitlinks(b"other"), None);
        assert_eq!(gitlinks(&index(9, 20, &[])), None);
    }
}
