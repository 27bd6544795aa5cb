use rules::catalogue::Catalogue;
use rules::rule_set::RuleSet;
use simulator::score::{plan::Plan, score};
use std::sync::Arc;
fn main() {
    let a: Vec<u64> = std::env::args().skip(1).map(|x| x.parse().unwrap()).collect();
    let set = RuleSet::compile(Arc::new(Catalogue::builtin().unwrap()), [0; 32]).unwrap();
    let plan = Plan {
        seed: a[0],
        sound: a[1] as u32,
        sound_days: a[2] as i64,
        each: a[3] as u32,
        batteries: a[4] as u32,
        battery_months: a[5] as i64,
    };
    let t = std::time::Instant::now();
    let s = score(&plan, &set, |_, _| ());
    println!("{}", serde_json::to_string_pretty(&s).unwrap());
    eprintln!("{:?} messages {} days {}", t.elapsed(), s.messages, s.vehicle_days);
}
