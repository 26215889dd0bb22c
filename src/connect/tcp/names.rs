//! Peer addresses by connection number, for messages about rows that are still on their way.

use std::collections::VecDeque;

/// Closed connections whose address is remembered.
const CLOSED_MAX: usize = 1024;

/// Addresses of connections that are closed; open ones know theirs.
#[derive(Debug, Default)]
pub struct ClosedNames {
    names: VecDeque<(u32, String)>,
}

impl ClosedNames {
    pub fn add(&mut self, number: u32, peer: String) {
        if self.names.len() == CLOSED_MAX {
            self.names.pop_front();
        }
        self.names.push_back((number, peer));
    }

    /// The address, or the number if that is long gone.
    pub fn get(&self, number: u32) -> String {
        let found = self.names.iter().rev().find(|(n, _)| *n == number);
        found.map_or_else(|| format!("connection {number}"), |(_, peer)| peer.clone())
    }
}
