//! Gates by themselves: dealing, domains, alignment, line numbers, watermarks against a naive fold.

use proptest::prelude::*;

use super::*;
use crate::data::Column;
use crate::runtime::channel::{Tx, channel};
use crate::runtime::message::{Mark, MarkTime, Origin};
use crate::runtime::waker::Waker;

/// A gate over inputs given as (domain, feed, number of channels), and the senders of all channels.
fn gate(inputs: &[(usize, Feed, usize)]) -> (Gate, Vec<Vec<Tx>>) {
    let waker = Waker::default();
    let mut senders = Vec::new();
    let mut gates = Vec::new();
    for &(domain, feed, count) in inputs {
        let (txs, channels) = (0..count).map(|_| channel(64, &waker, &waker)).unzip();
        senders.push(txs);
        gates.push(GateInput { port: 0, source: None, domain, feed, delay: 3, line_column: Some(1), channels });
    }
    (Gate::new(gates), senders)
}

fn send(tx: &Tx, message: Message) {
    assert!(tx.try_send(message).unwrap().is_none());
}

/// Rows that say `values`; their lines count from 0 within the block.
fn rows(values: &[i64]) -> Message {
    let lines: Vec<i64> = (0..values.len() as i64).collect();
    let batch = Batch::new(vec![Column::Int(values.to_vec().into()), Column::Int(lines.into())], values.len());
    Message::Rows { origin: Origin::default(), batch }
}

fn keyed(values: &[i64]) -> Message {
    let Message::Rows { origin, mut batch } = rows(values) else { unreachable!() };
    batch.order = Order::Row(values.iter().map(|&v| v as u32).collect());
    Message::Rows { origin, batch }
}

fn observed(max: i64, lines: u64) -> Message {
    let time = MarkTime::Observed { slots: 1, max, hold: i64::MAX, ends: false, idle: false };
    Message::Mark(Mark { time, origin: Origin::default(), lines })
}

fn given(watermark: i64) -> Message {
    Message::Mark(Mark { time: MarkTime::Watermark(watermark), origin: Origin::default(), lines: 0 })
}

fn unchanged() -> Message {
    Message::Mark(Mark { time: MarkTime::Unchanged, origin: Origin::default(), lines: 0 })
}

fn ints(batch: &Batch, column: usize) -> Vec<i64> {
    let Column::Int(values) = &batch.columns[column] else { panic!("not ints") };
    values.values().to_vec()
}

/// Everything there is to read, in short: `r1,2` rows, `e5` block end, `b1` barrier, `t`, `E`nd, `C`lose.
fn read(gate: &mut Gate) -> Result<String> {
    let mut words: Vec<String> = Vec::new();
    loop {
        words.push(match gate.poll()? {
            Event::Rows(batch, _) => {
                format!("r{}", ints(&batch, 0).iter().map(i64::to_string).collect::<Vec<_>>().join(","))
            }
            Event::BlockEnd(i64::MIN) => "e-".into(),
            Event::BlockEnd(i64::MAX) => "e+".into(),
            Event::BlockEnd(watermark) => format!("e{watermark}"),
            Event::Barrier(id) => format!("b{id}"),
            Event::Tick(now) => format!("t{now}"),
            Event::Failed(bad) => format!("f:{}", bad.error.message),
            Event::End => "E".into(),
            Event::Close => {
                words.push("C".into());
                break;
            }
            Event::Pending => break,
            Event::Chunk(_) | Event::Passed(_) => "?".into(),
        });
    }
    Ok(words.join(" "))
}

fn signal(signal: Signal) -> Message {
    Message::Signal(signal)
}

#[test]
fn dealt_blocks_come_in_the_order_of_the_baton() {
    let (mut gate, txs) = gate(&[(0, Feed::Dealt, 3)]);
    // The second block is there before the first.
    send(&txs[0][1], rows(&[2]));
    send(&txs[0][1], observed(20, 1));
    assert_eq!(read(&mut gate).unwrap(), "");
    send(&txs[0][0], rows(&[1]));
    assert_eq!(read(&mut gate).unwrap(), "r1");
    send(&txs[0][0], observed(10, 1));
    assert_eq!(read(&mut gate).unwrap(), "e6");
    send(&txs[0][0], Message::Turn);
    assert_eq!(read(&mut gate).unwrap(), "r2 e16");
    send(&txs[0][1], Message::Turn);
    send(&txs[0][2], rows(&[3]));
    send(&txs[0][2], rows(&[4]));
    send(&txs[0][2], observed(5, 2));
    send(&txs[0][2], Message::Turn);
    // Round and round.
    send(&txs[0][0], observed(30, 0));
    assert_eq!(read(&mut gate).unwrap(), "r3 r4 e16 e26");
}

#[test]
fn inputs_of_one_domain_take_turns_block_by_block() {
    let (mut gate, txs) = gate(&[(0, Feed::Dealt, 1), (0, Feed::Split, 2)]);
    send(&txs[0][0], observed(10, 0));
    send(&txs[0][0], rows(&[9]));
    assert_eq!(read(&mut gate).unwrap(), "");
    send(&txs[1][0], keyed(&[1, 4]));
    send(&txs[1][1], keyed(&[2, 3, 5]));
    send(&txs[1][0], given(4));
    send(&txs[1][1], given(4));
    assert_eq!(read(&mut gate).unwrap(), "r1,2,3,4 r5 e4 r9");
}

#[test]
fn blocks_of_sources_of_one_domain_come_in_one_sequence_until_they_end() {
    let (mut gate, txs) = gate(&[(0, Feed::Dealt, 1), (0, Feed::Dealt, 1)]);
    let block = |of: usize, value, max| {
        send(&txs[of][0], rows(&[value]));
        send(&txs[of][0], observed(max, 1));
        send(&txs[1 - of][0], unchanged());
    };
    block(0, 1, 10);
    block(0, 2, 20);
    assert_eq!(read(&mut gate).unwrap(), "r1 e- r2 e-", "the other has said nothing of time");
    block(1, 11, 15);
    block(0, 3, 50);
    block(1, 12, 30);
    assert_eq!(read(&mut gate).unwrap(), "r11 e11 r3 e11 r12 e26");
    send(&txs[0][0], unchanged());
    send(&txs[1][0], given(i64::MAX));
    block(0, 4, 60);
    assert_eq!(read(&mut gate).unwrap(), "e46 r4 e56", "an ended source leaves the minimum");
    send(&txs[0][0], given(i64::MAX));
    send(&txs[1][0], unchanged());
    for tx in [&txs[0][0], &txs[1][0]] {
        send(tx, signal(Signal::End));
        send(tx, signal(Signal::Barrier(7)));
        send(tx, signal(Signal::Close));
    }
    assert_eq!(read(&mut gate).unwrap(), "e+ E b7 C");
}

#[test]
fn a_live_domain_is_read_by_arrival_but_never_within_a_block() {
    let (mut gate, txs) = gate(&[(0, Feed::Dealt, 1), (1, Feed::Dealt, 1)]);
    send(&txs[1][0], rows(&[11]));
    assert_eq!(read(&mut gate).unwrap(), "r11");
    send(&txs[0][0], rows(&[1]));
    send(&txs[0][0], observed(10, 1));
    assert_eq!(read(&mut gate).unwrap(), "");
    send(&txs[1][0], observed(10, 1));
    assert_eq!(read(&mut gate).unwrap(), "e- r1 e6");
}

#[test]
fn a_barrier_waits_for_all_channels_and_all_domains() {
    let (mut gate, txs) = gate(&[(0, Feed::Dealt, 2), (1, Feed::Split, 2)]);
    send(&txs[0][0], signal(Signal::Barrier(1)));
    send(&txs[1][1], signal(Signal::Barrier(1)));
    send(&txs[1][1], rows(&[5]));
    assert_eq!(read(&mut gate).unwrap(), "");
    send(&txs[0][1], signal(Signal::Barrier(1)));
    assert_eq!(read(&mut gate).unwrap(), "");
    // The first domain stands still behind its barrier; the second goes on up to its own.
    send(&txs[0][0], rows(&[1]));
    send(&txs[1][0], signal(Signal::Barrier(1)));
    assert_eq!(read(&mut gate).unwrap(), "b1 r1");
}

#[test]
fn what_cannot_be_aligned_is_an_error() {
    let wrong: [(&[Message], &str); 4] = [
        (&[signal(Signal::Barrier(2))], "came where"),
        (&[signal(Signal::End)], "came where"),
        (&[rows(&[1])], "came where"),
        (&[given(1)], "came where"),
    ];
    for (messages, text) in wrong {
        let (mut gate, txs) = gate(&[(0, Feed::Dealt, 2)]);
        send(&txs[0][0], signal(Signal::Barrier(1)));
        for message in messages {
            let again = match message {
                Message::Signal(s) => signal(*s),
                Message::Mark(mark) => Message::Mark(*mark),
                _ => rows(&[1]),
            };
            send(&txs[0][1], again);
        }
        let error = read(&mut gate).unwrap_err();
        assert!(error.message.contains(text), "{error}");
    }
    let (mut within, txs) = gate(&[(0, Feed::Dealt, 1)]);
    send(&txs[0][0], rows(&[1]));
    send(&txs[0][0], signal(Signal::Barrier(1)));
    assert!(read(&mut within).unwrap_err().message.contains("within a block"));
    let (mut other, txs) = gate(&[(0, Feed::Dealt, 1), (1, Feed::Dealt, 1)]);
    send(&txs[0][0], signal(Signal::Barrier(1)));
    send(&txs[1][0], signal(Signal::Barrier(2)));
    assert!(read(&mut other).unwrap_err().message.contains("two checkpoints"));
}

#[test]
fn a_tick_passes_once() {
    let (mut gate, txs) = gate(&[(0, Feed::Dealt, 2), (1, Feed::Dealt, 1)]);
    for tx in txs.iter().flatten() {
        send(tx, signal(Signal::Tick(50)));
    }
    assert_eq!(read(&mut gate).unwrap(), "t50");
}

#[test]
fn ticks_are_those_of_the_first_domain_that_has_not_ended() {
    let (mut gate, txs) = gate(&[(0, Feed::Dealt, 1), (1, Feed::Dealt, 1)]);
    send(&txs[1][0], signal(Signal::Tick(50)));
    assert_eq!(read(&mut gate).unwrap(), "");
    send(&txs[0][0], signal(Signal::Tick(60)));
    assert_eq!(read(&mut gate).unwrap(), "t60");
    send(&txs[0][0], signal(Signal::End));
    assert_eq!(read(&mut gate).unwrap(), "");
    send(&txs[1][0], signal(Signal::Tick(70)));
    assert_eq!(read(&mut gate).unwrap(), "t70");
}

#[test]
fn lines_add_up_over_the_blocks_of_a_file() {
    let (mut gate, txs) = gate(&[(0, Feed::Dealt, 1)]);
    let mark = |file, lines, ends| {
        let time = MarkTime::Observed { slots: 1, max: 0, hold: i64::MAX, ends, idle: false };
        Message::Mark(Mark { time, origin: Origin { file, slot: 0 }, lines })
    };
    let of_file = |file| match rows(&[1, 2]) {
        Message::Rows { batch, .. } => Message::Rows { origin: Origin { file, slot: 0 }, batch },
        _ => unreachable!(),
    };
    let mut lines = Vec::new();
    // Two files in turns; the first ends and its number comes again.
    for (file, count, ends) in [(0, 10, false), (1, 5, false), (0, 7, true), (1, 2, false), (0, 1, false)] {
        send(&txs[0][0], of_file(file));
        send(&txs[0][0], mark(file, count, ends));
        let Event::Rows(batch, _) = gate.poll().unwrap() else { panic!("no rows") };
        lines.push(ints(&batch, 1)[0]);
        assert!(matches!(gate.poll().unwrap(), Event::BlockEnd(_)));
    }
    assert_eq!(lines, [0, 0, 10, 5, 0]);
    let error = Error::data("wrong").at("sources.a");
    let origin = Origin { file: 1, slot: 0 };
    let bad = BadRow { origin, line: 3, input: "b.csv".into(), text: "x".into(), ..BadRow::placeless(error) };
    send(&txs[0][0], Message::Failed(Box::new(bad)));
    assert_eq!(read(&mut gate).unwrap(), "f:b.csv:11: wrong");
}

#[test]
fn what_failed_in_parts_of_a_block_comes_once_behind_its_rows() {
    let (mut gate, txs) = gate(&[(0, Feed::Split, 3)]);
    let bad = |text: &str| Message::Failed(Box::new(BadRow::placeless(Error::data(text))));
    send(&txs[0][2], bad("third"));
    send(&txs[0][2], given(5));
    send(&txs[0][1], keyed(&[2]));
    send(&txs[0][1], bad("second"));
    send(&txs[0][1], given(5));
    send(&txs[0][0], keyed(&[1, 3]));
    send(&txs[0][0], given(5));
    assert_eq!(read(&mut gate).unwrap(), "r1,2 r3 f:second e5");
}

#[test]
fn an_upstream_that_goes_without_close_is_a_failure() {
    let (mut gate, txs) = gate(&[(0, Feed::Dealt, 1)]);
    send(&txs[0][0], rows(&[1]));
    drop(txs);
    assert!(matches!(gate.poll().unwrap(), Event::Rows(..)));
    assert!(gate.poll().unwrap_err().message.contains("upstream"));
}

/// A block of one of four slots: (slot, greatest time, hold, ends, idle).
type Block = (u32, Option<i64>, Option<i64>, bool, bool);

/// The watermark after each block: the least, over slots that are open and not idle, of what they have seen, and of
/// what is still to be opened; if there are none, the greatest seen; never going back.
fn naive(blocks: &[Block]) -> Vec<i64> {
    let behind = |max: Option<i64>| max.map_or(i64::MIN, |max| max - 3 - 1);
    let mut result = Vec::new();
    let mut watermark = i64::MIN;
    for end in 1..=blocks.len() {
        let so_far = &blocks[..end];
        let of_slot = |slot: u32| so_far.iter().filter(move |b| b.0 == slot);
        let seen = |slot: u32| of_slot(slot).filter_map(|b| b.1).max();
        let opened: Vec<u32> = (0..4).filter(|&s| of_slot(s).next().is_some()).collect();
        let counts = |s: &&u32| !of_slot(**s).any(|b| b.3) && !of_slot(**s).next_back().unwrap().4;
        let mut least: Vec<i64> = opened.iter().filter(counts).map(|&s| behind(seen(s))).collect();
        least.extend(so_far[end - 1].2.map(|hold| behind(Some(hold))));
        let now = least.into_iter().min().unwrap_or_else(|| opened.iter().map(|&s| behind(seen(s))).max().unwrap());
        watermark = watermark.max(now);
        result.push(watermark);
    }
    result
}

proptest! {
    #[test]
    fn watermarks_fold_like_the_naive_model(
        blocks in prop::collection::vec(
            (0u32..4, prop::option::of(0i64..100), prop::option::weighted(0.3, 0i64..100), prop::bool::weighted(0.1), prop::bool::weighted(0.2)),
            1..20,
        )
    ) {
        let (mut gate, txs) = gate(&[(0, Feed::Dealt, 1)]);
        let mut marks = Vec::new();
        for &(slot, max, hold, ends, idle) in &blocks {
            let time = MarkTime::Observed {
                slots: 4, max: max.unwrap_or(i64::MIN), hold: hold.unwrap_or(i64::MAX), ends, idle,
            };
            send(&txs[0][0], Message::Mark(Mark { time, origin: Origin { file: slot, slot }, lines: 0 }));
            let Event::BlockEnd(watermark) = gate.poll().unwrap() else { panic!("no end") };
            marks.push(watermark);
        }
        prop_assert_eq!(marks, naive(&blocks));
    }
}
