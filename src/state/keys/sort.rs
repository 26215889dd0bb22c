//! Sorting ids by their keys.

/// Below this many entries comparing beats counting.
const RADIX_LEAST: usize = 256;

/// Sorts `ids` by `keys[id]`, the id `null` first.
pub(super) fn by_int(ids: &mut Vec<u32>, keys: &[i64], null: Option<u32>) {
    let mut pairs: Vec<(u64, u32)> =
        ids.iter().filter(|&&id| Some(id) != null).map(|&id| (keys[id as usize] as u64 ^ (1 << 63), id)).collect();
    if pairs.len() < RADIX_LEAST {
        pairs.sort_unstable();
    } else {
        radix(&mut pairs);
    }
    let has_null = pairs.len() < ids.len();
    ids.clear();
    ids.extend(null.filter(|_| has_null));
    ids.extend(pairs.iter().map(|&(_, id)| id));
}

/// Least significant digit first, 8 bits a pass; digits that all keys share cost nothing.
fn radix(pairs: &mut Vec<(u64, u32)>) {
    let (any, all) = pairs.iter().fold((0, u64::MAX), |(any, all), &(key, _)| (any | key, all & key));
    let varying = any ^ all;
    let mut other = vec![(0, 0); pairs.len()];
    for shift in (0..64).step_by(8).filter(|shift| (varying >> shift) & 0xFF != 0) {
        let mut starts = [0u32; 256];
        for &(key, _) in pairs.iter() {
            starts[(key >> shift) as usize & 0xFF] += 1;
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += std::mem::replace(start, sum);
        }
        for &pair in pairs.iter() {
            let start = &mut starts[(pair.0 >> shift) as usize & 0xFF];
            other[*start as usize] = pair;
            *start += 1;
        }
        std::mem::swap(pairs, &mut other);
    }
}

/// Sorts `ids` by the bytes `key(id)`, the id `null` first.
pub(super) fn by_bytes<'a>(ids: &mut [u32], key: impl Fn(u32) -> &'a [u8], null: Option<u32>) {
    // The first bytes decide most comparisons without going to the arena.
    let mut entries: Vec<(bool, u64, u32)> = ids.iter().map(|&id| (Some(id) != null, prefix(key(id)), id)).collect();
    entries.sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| key(a.2).cmp(key(b.2))));
    for (id, entry) in ids.iter_mut().zip(entries) {
        *id = entry.2;
    }
}

/// Two sorted lists as one.
pub(super) fn merge(a: &[u32], b: &[u32], is_ordered: impl Fn(u32, u32) -> bool) -> Vec<u32> {
    let mut merged = Vec::with_capacity(a.len() + b.len());
    let mut from = 0;
    for &id in b {
        while from < a.len() && is_ordered(a[from], id) {
            merged.push(a[from]);
            from += 1;
        }
        merged.push(id);
    }
    merged.extend_from_slice(&a[from..]);
    merged
}

/// The first eight bytes as a number that compares like them; shorter keys are filled with zeros.
fn prefix(key: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let len = key.len().min(8);
    bytes[..len].copy_from_slice(&key[..len]);
    u64::from_be_bytes(bytes)
}
