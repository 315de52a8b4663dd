//! How fast the store is by itself: requests from receipt to publication, and heartbeats.
use cc_devops_core::ports::*;
use cc_devops_core::requests::record::*;
use cc_devops_embedded::*;
use cc_devops_testkit::sample::{self, after};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let dir = tempfile::tempdir_in(std::env::args().nth(1).unwrap_or("/tmp".into())).unwrap();
    let secs: u64 = std::env::args().nth(2).and_then(|s| s.parse().ok()).unwrap_or(5);
    let prefill: u64 = std::env::args().nth(3).and_then(|s| s.parse().ok()).unwrap_or(0);
    let t = Instant::now();
    let store = Arc::new(
        Store::open(StoreOptions {
            data_dir: dir.path().into(),
            master_key: MasterKeySource::File,
            create: true,
        })
        .unwrap(),
    );
    println!("open {:?}", t.elapsed());
    store
        .agents()
        .add(&sample::agent(sample::AGENT), &sample::token(1))
        .await
        .unwrap();
    // relay
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let relay = tokio::spawn({
        let store = store.clone();
        let stop = stop.clone();
        async move {
            loop {
                let e = store.ledger().unpublished(after(10), 200).await.unwrap();
                if e.is_empty() {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    continue;
                }
                store.events().publish(&e, after(10)).await.unwrap();
                let ids: Vec<i64> = e.iter().map(|e| e.id).collect();
                store.ledger().published(&ids).await.unwrap();
            }
        }
    });
    let n = Arc::new(AtomicU64::new(0));
    let phase = async |conns: u64, until_count: u64, secs: u64| {
        let start = Instant::now();
        let begin = n.load(Ordering::Relaxed);
        let mut set = tokio::task::JoinSet::new();
        for _ in 0..conns {
            let (store, n) = (store.clone(), n.clone());
            set.spawn(async move {
                let mut lat = Vec::new();
                loop {
                    let i = n.fetch_add(1, Ordering::Relaxed);
                    if until_count > 0 && i >= until_count {
                        break;
                    }
                    if until_count == 0 && start.elapsed() > Duration::from_secs(secs) {
                        break;
                    }
                    let t = Instant::now();
                    let id = format!("{:016x}-{i}", i.wrapping_mul(0x9E37_79B9_7F4A_7C15));
                    let mut r = sample::request(&id);
                    let name = format!("/contentcraft/contentorchestrator/k{}", i % 1000);
                    r.head.resource = Some(name.clone());
                    store
                        .agents()
                        .by_token(&sample::token(1).hash, after(1))
                        .await
                        .unwrap()
                        .unwrap();
                    let Receipt::Claimed(c) = store.ledger().receive(&r, Some(after(60))).await.unwrap() else {
                        panic!()
                    };
                    let p = sample::put_secret(&name, "some value of a usual length 0123456789");
                    store
                        .secrets()
                        .put(SecretWrite {
                            put: &p,
                            token: &format!("{i:064x}"),
                            agent: &r.head.agent,
                            stage: &sample::stage(),
                            at: after(1),
                        })
                        .await
                        .unwrap();
                    store.ledger().conclude(&c, &sample::success(&r.head, 2)).await.unwrap();
                    lat.push(t.elapsed());
                }
                lat
            });
        }
        let mut lat: Vec<Duration> = set.join_all().await.concat();
        lat.sort();
        let total = lat.len();
        let _ = begin;
        println!(
            "put {} in {:?}: {:.0}/s p50 {:?} p99 {:?} max {:?}",
            total,
            start.elapsed(),
            total as f64 / start.elapsed().as_secs_f64(),
            lat[total / 2],
            lat[total * 99 / 100],
            lat[total - 1]
        );
    };
    if prefill > 0 {
        phase(256, prefill, 0).await;
    }
    n.store(prefill + 1_000_000, Ordering::Relaxed);
    phase(64, 0, secs).await;
    let t = Instant::now();
    for i in 0..1000u64 {
        store
            .ledger()
            .find(&sample::request_id(&format!(
                "{:016x}-{i}",
                i.wrapping_mul(0x9E37_79B9_7F4A_7C15)
            )))
            .await
            .unwrap();
    }
    println!("lookup {:?}", t.elapsed() / 1000);
    stop.store(true, Ordering::Relaxed);
    let t = Instant::now();
    relay.await.unwrap();
    println!("relay drained {:?}", t.elapsed());
    // beats
    let start = Instant::now();
    let mut set = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let store = store.clone();
        set.spawn(async move {
            let mut c = 0u64;
            while start.elapsed() < Duration::from_secs(3) {
                store
                    .agents()
                    .by_token(&sample::token(1).hash, after(1))
                    .await
                    .unwrap()
                    .unwrap();
                store
                    .agents()
                    .beat(
                        &sample::agent_name(sample::AGENT),
                        &cc_devops_core::fleet::Beat {
                            at: after(1),
                            healthy: true,
                            message: None,
                        },
                    )
                    .await
                    .unwrap();
                c += 1;
            }
            c
        });
    }
    let c: u64 = set.join_all().await.iter().sum();
    println!("beats {:.0}/s", c as f64 / start.elapsed().as_secs_f64());
    for f in ["control-plane.db", "control-plane.db-wal"] {
        println!("{f} {} MB", std::fs::metadata(dir.path().join(f)).unwrap().len() >> 20);
    }
    let t = Instant::now();
    let v = store.audit().verify().await.unwrap();
    println!("verify {} rows {:?} {:?}", v.rows, v.breaks.len(), t.elapsed());
    println!(
        "{}",
        std::fs::read_to_string("/proc/self/status")
            .unwrap()
            .lines()
            .filter(|l| l.starts_with("VmRSS"))
            .collect::<String>()
    );
}
