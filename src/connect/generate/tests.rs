//! Whole tables: that cuts and unused columns do not show, and that the figures are Nexmark's.

use std::collections::HashMap;
use std::fmt::Write;

use super::*;
use crate::data::Field;

const ALL: [Table; 4] = [Table::Sequence, Table::Person, Table::Auction, Table::Bid];

fn make(options: &Options, used: &[usize], first: u64, rows: u64) -> Decoded {
    decoder(options, used).unwrap().decode(&Body::Range { first, rows }, false)
}

/// All columns of the first `rows` rows.
fn table(table: Table, rows: u64) -> Vec<Column> {
    let used: Vec<usize> = (0..schema(table).len()).collect();
    make(&Options::new(table), &used, 0, rows).columns
}

fn ints(column: &Column) -> &[i64] {
    match column {
        Column::Int(a) => a.values(),
        Column::Timestamp(a) => a.values(),
        other => panic!("{other:?} holds no numbers"),
    }
}

fn strings(column: &Column) -> Vec<&str> {
    match column {
        Column::String(a) => a.iter().flatten().collect(),
        other => panic!("{other:?} holds no strings"),
    }
}

fn print(columns: &[Column]) -> String {
    let mut out = String::new();
    for row in 0..columns[0].len() {
        for column in columns {
            match column {
                Column::String(_) => write!(out, "{}|", strings(column)[row]).unwrap(),
                _ => write!(out, "{}|", ints(column)[row]).unwrap(),
            }
        }
        out.push('\n');
    }
    out
}

#[test]
fn columns_have_the_types_of_the_schema() {
    for t in ALL {
        let schema = schema(t);
        let types: Vec<DataType> = table(t, 3).iter().map(Column::data_type).collect();
        assert_eq!(types, schema.fields.iter().map(|f| f.ty).collect::<Vec<_>>(), "{t:?}");
        assert_eq!(schema.fields[schema.index_of(t.time_column()).unwrap()].ty, DataType::Timestamp);
    }
}

#[test]
fn cuts_do_not_show() {
    for t in ALL {
        let options = Options { seed: 42, ..Options::new(t) };
        let used: Vec<usize> = (0..schema(t).len()).collect();
        let whole = make(&options, &used, 0, 500);
        for cuts in [[0, 1, 45, 46, 47, 500], [0, 50, 100, 137, 499, 500]] {
            let parts: Vec<Decoded> = cuts.windows(2).map(|w| make(&options, &used, w[0], w[1] - w[0])).collect();
            for (c, column) in whole.columns.iter().enumerate() {
                let parts: Vec<&Column> = parts.iter().map(|p| &p.columns[c]).collect();
                assert_eq!(&Column::concat(&parts), column, "{t:?}, column {c}, cuts {cuts:?}");
            }
        }
    }
}

/// A column of each type; the last one holds the event time.
fn shape(nulls: f64) -> Options {
    use DataType::*;
    let item = DataType::structure(vec![Field { name: "a".into(), ty: Int }, Field { name: "b".into(), ty: String }]);
    let decimal = Decimal { precision: 38, scale: 37 };
    let types = vec![
        Boolean,
        Int,
        Double,
        decimal,
        Decimal { precision: 2, scale: 2 },
        String,
        Timestamp,
        Bytes,
        Date,
        Interval,
        Json,
        DataType::list(item),
        DataType::list(DataType::list(Int)),
        item,
        Timestamp,
    ];
    let time = Some(types.len() - 1);
    Options { seed: 5, shape: Shape { types, time, nulls }, ..Options::new(Table::Random) }
}

#[test]
fn random_rows_have_all_types_and_show_neither_cuts_nor_unused_columns() {
    let options = shape(0.25);
    let types = &options.shape.types;
    let used: Vec<usize> = (0..types.len()).collect();
    let whole = make(&options, &used, 0, 2000).columns;
    let parts = [make(&options, &used, 0, 777).columns, make(&options, &used, 777, 2000 - 777).columns];
    for (c, column) in whole.iter().enumerate() {
        assert_eq!(column.data_type(), types[c]);
        assert_eq!(&Column::concat(&[&parts[0][c], &parts[1][c]]), column, "column {c}");
        assert_eq!(make(&options, &[c], 0, 2000).columns, std::slice::from_ref(column));
        let nulls = (0..2000).filter(|&row| column.is_null(row)).count();
        assert!(if c + 1 == types.len() { nulls == 0 } else { (400..600).contains(&nulls) }, "column {c}: {nulls}");
    }
    assert!(ints(&whole[14]).is_sorted() && ints(&whole[14])[0] == DEFAULT_START_MICROS);
    assert!(ints(&whole[6]).iter().all(|&at| at <= DEFAULT_START_MICROS));
    let none = make(&shape(0.0), &used, 0, 500).columns;
    assert!(none.iter().all(|column| (0..500).all(|row| !column.is_null(row))));
    let other = make(&Options { seed: 6, ..shape(0.0) }, &used, 0, 500).columns;
    assert!(none.iter().zip(&other).take(14).all(|(a, b)| a != b), "another seed, other values");
}

#[test]
fn random_values_are_of_their_kind() {
    let options = shape(0.0);
    let row = |row: u64| -> Vec<std::string::String> {
        let used: Vec<usize> = (0..14).collect();
        make(&options, &used, row, 1).columns.iter().map(|column| column.display(0).to_string()).collect()
    };
    for values in (0..50).map(row) {
        assert!((0..1000).contains(&values[1].parse::<i64>().unwrap()), "{values:?}");
        assert!((0.0..1000.0).contains(&values[2].parse::<f64>().unwrap()), "{values:?}");
        assert!((0.0..10.0).contains(&values[3].parse::<f64>().unwrap()), "{values:?}");
        assert!((0.0..1.0).contains(&values[4].parse::<f64>().unwrap()), "{values:?}");
        let json: serde_json::Value = serde_json::from_str(values[10].trim_matches('\'')).unwrap();
        assert!(json["n"].as_u64().unwrap() < 1000, "{values:?}");
    }
}

#[test]
fn unused_columns_do_not_show() {
    let all = table(Table::Bid, 100);
    let some = make(&Options::new(Table::Bid), &[6, 0, 3], 0, 100).columns;
    assert_eq!(some, [all[6].clone(), all[0].clone(), all[3].clone()]);
    let none = make(&Options::new(Table::Bid), &[], 0, 100);
    assert_eq!((none.columns.len(), none.rows), (0, 100));
}

#[test]
fn the_next_time_is_that_of_the_next_row() {
    for t in ALL {
        let options = Options { rows: Some(BLOCK_ROWS + 1), ..Options::new(t) };
        let column = schema(t).index_of(t.time_column()).unwrap();
        let all = table(t, BLOCK_ROWS + 1);
        let mut source = timed_source(&options, column).unwrap();
        for row in [0, BLOCK_ROWS as usize] {
            assert_eq!(source.next_time().unwrap(), ints(&all[column])[row], "{t:?}");
            assert!(matches!(source.next(0).unwrap(), Next::Block(_)));
        }
        assert_eq!(source.next_time().unwrap(), i64::MIN, "at the end");
    }
}

#[test]
fn another_seed_makes_other_rows() {
    let options = Options { seed: 1, ..Options::new(Table::Bid) };
    assert_ne!(make(&options, &[2], 0, 10).columns, table(Table::Bid, 10)[2..3]);
}

#[test]
fn first_rows() {
    assert_eq!(print(&table(Table::Sequence, 3)), "0|1700000000000000|\n1|1700000000000100|\n2|1700000000000200|\n");
    assert_eq!(
        print(&table(Table::Bid, 3)),
        "\
1000|1001|9831|Baidu|https://www.nexmark.com/opd/ilfy/pfvi/item.htm?query=1|1700000000000400|cpoyxljhwgitabdodruqtorjirzpujqjilvkfvjwfcjfkbrtnxhoqbjrhcps|
1000|1001|18257940|channel-2824|https://www.nexmark.com/bmn/xw_g/udn/item.htm?query=1&channel_id=282066944|1700000000000500|dopfmvngdgvqdbphthbkmkwedvmiuwphzcvrzwdwwozackfiljjjhalzjxyaweldhkrdkdeehcitpa|
1001|1001|68281300|Baidu|https://www.nexmark.com/opd/ilfy/pfvi/item.htm?query=1|1700000000000600|hkyxmjwxdnieufwytymlmkfmojhqeooxpakjztxnxuvoubkxvtvpjbzkbzcllbalolfhfwymustcmfviy|
"
    );
    assert_eq!(
        print(&table(Table::Person, 2)),
        "\
1000|john shultz|olyhrsx@fbiir.com|4801 6955 0801 0324|bend|id|1700000000000000|bgxybouljwyzslohqqehhcjuftvpmveysfzkllbgzmllcjzlgjebpcofgdyvkgseotimsrylkujidpfealzcyqqvkoaxmvhpmhjwtiocathnzbwscpwq|
1001|sarah shultz|mheyysh@zjbnu.com|9177 1325 5405 6197|bend|or|1700000000005000|wbpvycgbtuncjuzcigeckxiptvgvjodkzeyeuvzuhilhmhyjvdrdwxgkmgvimbgsjxsnkaujwfkjezhlojkrcbruagtyxggzryqrnnefiouoyoysvnmxuausrjropdaycayuncqg|
"
    );
    assert_eq!(
        print(&table(Table::Auction, 1)),
        "\
1000|qxivovfeenrlbkeqyhdy|efztzzwanyugesrgyopbjnkqiyufvbdbghbwllxgosayhhlqkliekjgspruaspwjlcvahwcxvvvqfjdnbznkpqqopdvddhcqwccv|680|67083683|1700000000000100|1700000000092674|1000|13|qrmvpqdcspnwkhfvmhlblmaylicuacupwaftwraicakvwtuzmwsxeqabrehirkijghkabtvaqunukqublmfnmszguuzdvcnqgveedqypaysuppsyjzzwxkvtohnapmvqazdtlricupshtlipurqppcjdailpxhxdwhdobqkttvcdujjltogfhhwchmwtcqcivtjmikfvsvuqmmvlkebgswixidvisjqvevsutprmlzvywucmamtpowpgktkdhnnvmaibibzenkcrytdeiuohxuvtzeleiwrtqsydiepiysbfzlutxro|
"
    );
}

#[test]
fn event_times_are_evenly_spaced_over_all_tables() {
    // 1 person, 3 auctions, 46 bids, one every 100 µs.
    let at = |t: Table, rows| {
        let column = schema(t).index_of("date_time").unwrap();
        ints(&table(t, rows)[column]).iter().map(|at| (at - DEFAULT_START_MICROS) / 100).collect::<Vec<_>>()
    };
    let mut events: Vec<i64> = [at(Table::Person, 20), at(Table::Auction, 60), at(Table::Bid, 920)].concat();
    assert!(at(Table::Bid, 920).is_sorted());
    events.sort_unstable();
    assert_eq!(events, (0..1000).collect::<Vec<_>>());
}

#[test]
fn start_and_rate_move_event_times() {
    let options = Options { start: 5, events_per_second: 3.0, ..Options::new(Table::Sequence) };
    assert_eq!(ints(&make(&options, &[1], 0, 5).columns[0]), [5, 333_338, 666_671, 1_000_005, 1_333_338]);
    let slow = Options { events_per_second: 1e-300, ..options };
    assert_eq!(ints(&make(&slow, &[1], 0, 2).columns[0]), [5, i64::MAX]);
}

#[test]
fn a_rate_that_is_no_rate_is_refused() {
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let options = Options { events_per_second: rate, ..Options::new(Table::Bid) };
        assert!(source(&options).is_err() && decoder(&options, &[]).is_err(), "{rate}");
    }
}

#[test]
fn bids_have_the_ratios_of_nexmark() {
    const ROWS: usize = 200_000;
    let columns = table(Table::Bid, ROWS as u64);
    let share = |n: usize| n as f64 / ROWS as f64;
    let near = |what: &str, got: f64, wanted: f64, within: f64| {
        assert!((got - wanted).abs() <= within, "{what}: {got}, expected {wanted} ± {within}");
    };

    let last_auction = |row: usize| (row / 46 * 3 + 2) as i64;
    let hot = ints(&columns[0]).iter().enumerate().filter(|(row, a)| **a - 1000 == last_auction(*row) / 100 * 100);
    near("hot auctions", share(hot.count()), 0.5, 0.01);
    let ahead = ints(&columns[0]).iter().enumerate().map(|(row, a)| a - 1000 - last_auction(row));
    assert_eq!((ahead.clone().skip(10_000).min(), ahead.max()), (Some(-100), Some(10)));

    let last_person = |row: usize| (row / 46) as i64;
    let hot = ints(&columns[1]).iter().enumerate().filter(|(row, b)| **b - 1000 == last_person(*row) / 100 * 100 + 1);
    near("hot bidders", share(hot.count()), 0.75, 0.01);
    let ahead = ints(&columns[1]).iter().enumerate().map(|(row, b)| b - 1000 - last_person(row));
    assert_eq!((ahead.clone().skip(50_000).min(), ahead.max()), (Some(-999), Some(10)));
    assert!(ints(&columns[1]).iter().all(|b| *b >= 1000));

    let prices = ints(&columns[2]);
    assert!(prices.iter().all(|p| (100..=100_000_000).contains(p)));
    for power in 3..=7 {
        let below = prices.iter().filter(|p| **p < 10i64.pow(power)).count();
        near("log of prices", share(below), f64::from(power - 2) / 6.0, 0.01);
    }

    let mut names: HashMap<&str, usize> = HashMap::new();
    strings(&columns[3]).into_iter().for_each(|n| *names.entry(n).or_default() += 1);
    for name in ["Google", "Facebook", "Baidu", "Apple"] {
        near(name, share(names[name]), 0.125, 0.01);
    }
    assert!(names.len() > 9_990, "{}", names.len());
    let urls = strings(&columns[4]);
    let with_id = urls.iter().filter(|u| u.contains("&channel_id=")).count();
    near("addresses with an id", share(with_id), 0.45, 0.01);
    assert!(urls.iter().all(|u| u.starts_with("https://www.nexmark.com/") && u.contains("/item.htm?query=1")));

    let lengths: Vec<usize> = strings(&columns[6]).iter().map(|e| e.len()).collect();
    assert_eq!((lengths.iter().min(), lengths.iter().max()), (Some(&54), Some(&81)));
    near("extra", lengths.iter().sum::<usize>() as f64 / ROWS as f64, 67.5, 0.1);
}

#[test]
fn people_and_auctions_have_the_sizes_of_nexmark() {
    let people = table(Table::Person, 5_000);
    let bytes = |columns: &[Column]| -> usize { columns.iter().map(|c| strings(c).concat().len()).sum() };
    let average = 8.0 + (bytes(&people[1..6]) + bytes(&people[7..])) as f64 / 5_000.0;
    assert!((average - 200.0).abs() < 1.5, "{average}");

    let auctions = table(Table::Auction, 30_000);
    let average = 48.0 + (bytes(&auctions[1..3]) + bytes(&auctions[9..])) as f64 / 30_000.0;
    assert!((average - 500.0).abs() < 1.5, "{average}");
    assert!(ints(&auctions[3]).iter().zip(ints(&auctions[4])).all(|(bid, reserve)| reserve >= &(bid + 100)));
    let length = ints(&auctions[5]).iter().zip(ints(&auctions[6])).map(|(at, expires)| expires - at);
    assert!(length.clone().min() > Some(0) && length.max() <= Some(333_200));
    let hot = ints(&auctions[7]).iter().enumerate().filter(|(row, s)| **s - 1000 == (row / 3 / 100 * 100) as i64);
    assert!((22_000..23_000).contains(&hot.count()));
    assert!(ints(&auctions[8]).iter().all(|c| (10..15).contains(c)));
}

#[test]
fn rows_are_counted_over_the_tables_read() {
    use Table::*;
    for (table, read, rows, expect) in [
        (Bid, &[Bid][..], 7, 7),
        (Sequence, &[Sequence], 7, 7),
        (Person, &Table::NEXMARK, 1, 1),
        (Auction, &Table::NEXMARK, 1, 0),
        (Auction, &Table::NEXMARK, 103, 8),
        (Bid, &Table::NEXMARK, 103, 92),
        (Bid, &[Bid, Auction], 50, 46),
        (Auction, &[Bid, Auction], 50, 4),
        (Person, &[Bid], 50, 0),
        (Bid, &[Bid], u64::MAX, u64::MAX),
    ] {
        assert_eq!(rows_of(table, read, rows), expect, "{table:?} of {read:?}, {rows} rows");
    }
}

#[test]
fn blocks_are_fixed_and_end() {
    let options = Options { rows: Some(BLOCK_ROWS + 10), ..Options::new(Table::Bid) };
    let mut source = source(&options).unwrap();
    let mut next = || match source.next(0).unwrap() {
        Next::Block(Block { body: Body::Range { first, rows }, .. }) => Some((first, rows)),
        Next::End => None,
        _ => panic!("a range or the end"),
    };
    assert_eq!([next(), next(), next(), next()], [Some((0, BLOCK_ROWS)), Some((BLOCK_ROWS, 10)), None, None]);
    assert!(!source.is_live());
    assert_eq!(source.progress(), (BLOCK_ROWS + 10, options.rows));
}

#[test]
fn without_rows_only_a_stop_ends_it() {
    let mut source = source(&Options::new(Table::Sequence)).unwrap();
    assert!(source.is_live());
    for _ in 0..100 {
        assert!(matches!(source.next(0), Ok(Next::Block(_))));
    }
    source.stop();
    assert!(matches!(source.next(0), Ok(Next::End)));
}
