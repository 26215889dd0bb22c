//! From the structure of a line to the places of the values that are used.
//!
//! Nothing here converts a value; it only decides which bytes are one.

use memchr::memchr2;

use super::path::Node;

/// Deepest nesting of brackets, the object itself included.
const DEPTH_MAX: u32 = 128;

/// So many keys that nobody asks for are remembered, of so many lines.
const NOTED_MAX: usize = 200;
const NOTED_LINES: u64 = 1000;

pub const NOT_AN_OBJECT: &str = "the line is not a JSON object";
const UNMATCHED: &str = "the line is not a JSON object: its brackets do not match";

/// A key as some line before had it at its place: `{"key":` or `,"key":`, with the spaces there.
#[derive(Debug, Default)]
struct Expected {
    text: Vec<u8>,
    /// The first 16 bytes of `text` and which bits of them count.
    word: u128,
    mask: u128,
    /// What to do with its value.
    node: Option<usize>,
}

impl Expected {
    fn new(text: &[u8], node: Option<usize>) -> Expected {
        let mut head = [0; 16];
        let len = text.len().min(16);
        head[..len].copy_from_slice(&text[..len]);
        let mask = if len == 16 { u128::MAX } else { (1 << (8 * len)) - 1 };
        Expected { text: text.to_vec(), word: u128::from_le_bytes(head), mask, node }
    }

    /// Whether `data[from..to]` is this.
    #[inline(always)]
    fn is_at(&self, data: &[u8], from: usize, to: usize) -> bool {
        if self.text.len() != to - from {
            return false;
        }
        match data.get(from..from + 16) {
            Some(head) => {
                let head = u128::from_le_bytes(head.try_into().expect("a slice of 16 bytes"));
                (head ^ self.word) & self.mask == 0 && (to - from <= 16 || data[from + 16..to] == self.text[16..])
            }
            None => data[from..to] == self.text[..],
        }
    }
}

/// Finds the used values of lines.
#[derive(Debug)]
pub struct Walker {
    nodes: Vec<Node>,
    expected: Vec<Expected>,
    /// Number of the line each node was last met on: the first of repeated keys counts.
    met: Vec<u64>,
    line: u64,
    /// Keys that nobody asks for, as paths: of the first lines, since they were last taken.
    pub others: Vec<String>,
    /// How many of them there were.
    noted: usize,
}

/// What a walk goes over: a block, the structural positions from one line's start on, where the walk is in them.
#[derive(Clone, Copy)]
pub struct Structure<'a> {
    pub data: &'a [u8],
    pub positions: &'a [u32],
}

impl Structure<'_> {
    /// Place of structural number `at`; the end of the data behind the last one.
    #[inline(always)]
    fn place(&self, at: usize) -> usize {
        self.positions.get(at).map_or(self.data.len(), |&p| p as usize)
    }

    /// The structural byte itself; LF also at the end of the data.
    #[inline(always)]
    fn byte(&self, at: usize) -> u8 {
        self.data.get(self.place(at)).copied().unwrap_or(b'\n')
    }
}

impl Walker {
    pub fn new(nodes: Vec<Node>) -> Walker {
        let met = vec![0; nodes.len()];
        Walker { nodes, expected: Vec::new(), met, line: 0, others: Vec::new(), noted: 0 }
    }

    /// Walks a line, which may have its LF. `value` is called with the column and the place of each value found.
    pub fn line(
        &mut self,
        structure: Structure,
        value: &mut impl FnMut(usize, usize, usize),
    ) -> Result<(), &'static str> {
        let open = structure.place(0);
        if structure.byte(0) != b'{' || !is_blank(&structure.data[..open]) {
            return Err(NOT_AN_OBJECT);
        }
        self.line += 1;
        let close = self.record(structure, value)?;
        let (from, to) = (structure.place(close) + 1, structure.place(close + 1));
        if structure.byte(close + 1) != b'\n' || !is_blank(&structure.data[from..to]) {
            return Err("text behind the JSON object");
        }
        Ok(())
    }

    /// The members of the record itself, by the keys expected. Returns the number of its closing bracket.
    #[inline(always)]
    fn record(
        &mut self,
        structure: Structure,
        value: &mut impl FnMut(usize, usize, usize),
    ) -> Result<usize, &'static str> {
        let (mut at, mut place) = (0, 0);
        loop {
            let (from, colon) = (structure.place(at), structure.place(at + 1));
            let to = (colon + 1).min(structure.data.len());
            let known = |place: usize| self.expected.get(place).is_some_and(|e| e.is_at(structure.data, from, to));
            let node = if known(place) {
                self.expected[place].node
            } else if known(place + 1) {
                place += 1;
                self.expected[place].node
            } else {
                match self.key(structure, at, 0)? {
                    Member::None(close) => return Ok(close),
                    Member::Is(node) => {
                        if node.is_none() {
                            self.note(structure, at, 0);
                        }
                        self.expect(place, &structure.data[from..to], node);
                        node
                    }
                }
            };
            place += 1;
            let end = match structure.byte(at + 2) {
                b',' | b'}' => at + 2,
                _ => skip(structure, at + 2, DEPTH_MAX - 1, b'}')?,
            };
            if let Some(node) = node {
                self.found(structure, node, at + 1, end, 1, value)?;
            }
            if structure.byte(end) == b'}' {
                return Ok(end);
            }
            at = end;
        }
    }

    #[inline(never)]
    fn expect(&mut self, place: usize, text: &[u8], node: Option<usize>) {
        if place >= self.expected.len() {
            self.expected.resize_with(place + 1, Expected::default);
        }
        self.expected[place] = Expected::new(text, node);
    }

    /// The key behind structural `at`, a bracket or comma, as a node below `parent`.
    #[inline(never)]
    fn key(&self, structure: Structure, at: usize, parent: usize) -> Result<Member, &'static str> {
        let text = trim(&structure.data[structure.place(at) + 1..structure.place(at + 1)]);
        match structure.byte(at + 1) {
            b':' => {}
            b'}' if text.is_empty() && structure.byte(at) == b'{' => return Ok(Member::None(at + 1)),
            _ => return Err(NOT_AN_OBJECT),
        }
        let [b'"', inner @ .., b'"'] = text else {
            return Err("the line is not a JSON object: a key is not a string");
        };
        let parent = &self.nodes[parent];
        match memchr2(b'"', b'\\', inner) {
            None => Ok(Member::Is(parent.member(inner))),
            Some(_) if !is_one_string(inner) => Err("the line is not a JSON object: a key is not a string"),
            // A key whose escapes are wrong is no key that anyone asks for.
            Some(_) => Ok(Member::Is(
                serde_json::from_slice::<String>(text).ok().and_then(|key| parent.member(key.as_bytes())),
            )),
        }
    }

    /// The value of `node` lies between structurals `before` and `end`.
    #[inline(always)]
    fn found(
        &mut self,
        structure: Structure,
        node: usize,
        before: usize,
        end: usize,
        depth: u32,
        value: &mut impl FnMut(usize, usize, usize),
    ) -> Result<(), &'static str> {
        if self.met[node] == self.line {
            return Ok(());
        }
        self.met[node] = self.line;
        let (from, to) = trim_place(structure.data, structure.place(before) + 1, structure.place(end));
        for &column in &self.nodes[node].columns {
            value(column, from, to);
        }
        if self.nodes[node].is_leaf() || end == before + 1 || structure.place(before + 1) != from {
            return Ok(());
        }
        match structure.byte(before + 1) {
            b'{' => self.members(structure, node, before + 1, depth + 1, value),
            b'[' => self.elements(structure, node, before + 1, depth + 1, value),
            _ => Ok(()),
        }
    }

    /// The members of an object inside the record that some column lies under; `at` is its opening bracket.
    fn members(
        &mut self,
        structure: Structure,
        parent: usize,
        mut at: usize,
        depth: u32,
        value: &mut dyn FnMut(usize, usize, usize),
    ) -> Result<(), &'static str> {
        loop {
            let Member::Is(node) = self.key(structure, at, parent)? else { return Ok(()) };
            let end = skip(structure, at + 2, DEPTH_MAX - depth, b'}')?;
            match node {
                Some(node) => self.found(structure, node, at + 1, end, depth, &mut |c, f, t| value(c, f, t))?,
                None => self.note(structure, at, parent),
            }
            if structure.byte(end) == b'}' {
                return Ok(());
            }
            at = end;
        }
    }

    /// Remembers a key that nobody asks for, as long as there are few.
    fn note(&mut self, structure: Structure, at: usize, parent: usize) {
        if self.noted == NOTED_MAX || self.line > NOTED_LINES {
            return;
        }
        let text = trim(&structure.data[structure.place(at) + 1..structure.place(at + 1)]);
        let Ok(key) = serde_json::from_slice::<String>(text) else { return };
        let path =
            self.nodes[parent].path.iter().map(String::as_str).chain([key.as_str()]).collect::<Vec<_>>().join(".");
        if !self.others.contains(&path) {
            self.others.push(path);
            self.noted += 1;
        }
    }

    fn elements(
        &mut self,
        structure: Structure,
        parent: usize,
        mut at: usize,
        depth: u32,
        value: &mut dyn FnMut(usize, usize, usize),
    ) -> Result<(), &'static str> {
        for index in 0.. {
            let end = skip(structure, at + 1, DEPTH_MAX - depth, b']')?;
            let empty = is_blank(&structure.data[structure.place(at) + 1..structure.place(end)]);
            if let Some(node) = self.nodes[parent].element(index)
                && !(empty && index == 0 && structure.byte(end) == b']')
            {
                self.found(structure, node, at, end, depth, &mut |c, f, t| value(c, f, t))?;
            }
            if structure.byte(end) == b']' {
                return Ok(());
            }
            at = end;
        }
        Ok(())
    }
}

enum Member {
    /// A key, and the node it leads to if anyone asks for it.
    Is(Option<usize>),
    /// The object is empty and closes here.
    None(usize),
}

/// The comma or the closing bracket `close` that ends the value which structural `at` is in or behind. Brackets
/// in it may nest `depth_left` deep.
#[inline(never)]
fn skip(structure: Structure, mut at: usize, depth_left: u32, close: u8) -> Result<usize, &'static str> {
    // One bit per open bracket, the innermost lowest: set for an object.
    let (mut objects, mut depth) = (0u128, 0);
    loop {
        match structure.byte(at) {
            b',' if depth == 0 => return Ok(at),
            byte if depth == 0 && byte == close => return Ok(at),
            b':' | b',' => {}
            byte @ (b'{' | b'[') => {
                if depth == depth_left {
                    return Err("the JSON object is more than 128 levels deep");
                }
                objects = objects << 1 | u128::from(byte == b'{');
                depth += 1;
            }
            byte @ (b'}' | b']') => {
                if depth == 0 || (objects & 1 == 1) != (byte == b'}') {
                    return Err(UNMATCHED);
                }
                objects >>= 1;
                depth -= 1;
            }
            _ => return Err(UNMATCHED),
        }
        at += 1;
    }
}

/// Whether the text between two quotes has no further quote that is not escaped, nor escapes the last one.
pub fn is_one_string(inner: &[u8]) -> bool {
    let mut bytes = inner.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return false,
            b'\\' if bytes.next().is_none() => return false,
            _ => {}
        }
    }
    true
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

pub fn is_blank(text: &[u8]) -> bool {
    text.iter().all(|&b| is_space(b))
}

fn trim(text: &[u8]) -> &[u8] {
    let (from, to) = trim_place(text, 0, text.len());
    &text[from..to]
}

#[inline(always)]
fn trim_place(data: &[u8], mut from: usize, mut to: usize) -> (usize, usize) {
    while from < to && is_space(data[from]) {
        from += 1;
    }
    while from < to && is_space(data[to - 1]) {
        to -= 1;
    }
    (from, to)
}
