//! Revenue: its pages and its files.

use std::ops::ControlFlow;
use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_dashboard::Dashboard;
use cc_devops_kernel::events::Announcement;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::customer_movements::{CustomerMovement, MovementFilter};
use cc_devops_revenue::day::{CustomerKey, CustomerRow, Day};
use cc_devops_revenue::lines::Explain;
use cc_devops_revenue::policy::Policy;
use cc_devops_revenue::ports::RevenueStore;
use cc_devops_revenue::reporting::{Ask, Reporter, ReportingSettings};
use cc_devops_testkit::{FakeBilling, Memory, sample};
use jiff::SignedDuration;
use jiff::civil::Date;

use crate::harness::{As, Harness};

async fn report(memory: &Memory, billing: &FakeBilling) -> Day {
    let settings = ReportingSettings {
        installation: sample::installation(),
        policy: Policy::default(),
        reader: sample::agent_name(sample::OTHER_AGENT),
    };
    let source = Arc::new(billing.clone());
    let reporter = Reporter::new(source.clone(), source, memory.ports(), settings);
    let ask = Ask {
        as_of: None,
        keep: true,
        explain: Explain::No,
    };
    reporter.report(ask, &mut |_| ControlFlow::Continue(())).await.unwrap()
}

/// Three days: a beginning, one on which somebody came, and, after one that was not kept, one on which somebody left.
async fn furnished() -> Harness {
    let (memory, billing) = (Memory::new(), FakeBilling::default());
    billing.euro(Some("1.25"));
    billing.sell("cus_old", "prod_basic", Currency::USD, "100000");
    report(&memory, &billing).await;
    memory.clock().advance(SignedDuration::from_hours(24));
    billing.sell("<script>=cus", "prod_<b>", Currency::USD, "2500");
    report(&memory, &billing).await;
    memory.clock().advance(SignedDuration::from_hours(48));
    billing.clear();
    billing.sell("<script>=cus", "prod_<b>", Currency::USD, "3000");
    report(&memory, &billing).await;
    Harness::around(memory, |_| (), Dashboard::default()).await
}

#[tokio::test]
async fn mrr_is_shown_with_its_gaps_its_waterfall_and_its_figures() {
    let harness = furnished().await;
    let browser = harness.sign_in(As::Observer).await;
    let page = browser.get("/ui/revenue?days=30").await.page();
    for shown in [
        "30.00 USD",
        "Not known",
        "27 days were not kept, and are gaps.",
        "MRR went from 1000.00 USD",
        "Reactivation 0.00 USD",
        "Churn -1000.00 USD",
        "Expansion +5.00 USD",
        "New +25.00 USD",
        "12 × MRR",
        "which revenue.currency says",
        "/ui/revenue/days.csv?days=30",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(page.len() < 150_000, "{}", page.len());
    let longer = browser.get("/ui/revenue?days=365").await.page();
    assert!(longer.len() < 150_000, "{}", longer.len());
    assert!(longer.contains("362 days were not kept"), "{longer}");
}

#[tokio::test]
async fn what_was_never_reported_says_how_it_is() {
    let harness = Harness::new().await;
    let browser = harness.sign_in(As::Admin).await;
    for path in [
        "/ui/revenue",
        "/ui/revenue/movements",
        "/ui/revenue/cohorts",
        "/ui/revenue/products",
    ] {
        let page = browser.get(path).await.page();
        assert!(page.contains("cc-devops revenue report"), "{path}: {page}");
        assert!(page.contains("stripe/reporting_api_key"), "{path}: {page}");
    }
    for path in ["days", "movements", "cohorts", "products"] {
        let file = browser.get(&format!("/ui/revenue/{path}.csv")).await.page();
        assert_eq!(file.lines().count(), 1, "{path} is a head alone: {file}");
    }
}

#[tokio::test]
async fn movements_are_filtered_and_names_are_escaped() {
    let harness = furnished().await;
    let browser = harness.sign_in(As::Admin).await;
    let page = browser.get("/ui/revenue/movements").await.page();
    assert!(
        page.contains("&lt;script&gt;=cus") && !page.contains("<script>=cus"),
        "{page}"
    );
    assert!(page.contains("customer=%3Cscript%3E%3Dcus"), "{page}");
    assert!(page.contains("-1000.00 USD"), "{page}");
    let churned = browser.get("/ui/revenue/movements?kind=churn").await.page();
    assert!(
        churned.contains("cus_old") && !churned.contains("=cus</a>"),
        "{churned}"
    );
    let nobody = browser
        .get("/ui/revenue/movements?customer=cus_other&kind=")
        .await
        .page();
    assert!(nobody.contains("Nobody moved"), "{nobody}");
    for wrong in ["kind=growth", "from=yesterday", "to=2026-13-01"] {
        let answer = browser.get(&format!("/ui/revenue/movements?{wrong}")).await;
        assert_eq!(answer.status, 422, "{wrong}: {}", answer.text);
    }
}

#[tokio::test]
async fn movements_come_in_pages() {
    let (memory, billing) = (Memory::new(), FakeBilling::default());
    billing.sell("cus_first", "prod", Currency::USD, "100");
    report(&memory, &billing).await;
    memory.clock().advance(SignedDuration::from_hours(24));
    for number in 0..120 {
        billing.sell(&format!("cus_{number:03}"), "prod", Currency::USD, "100");
    }
    report(&memory, &billing).await;
    let harness = Harness::around(memory, |_| (), Dashboard::default()).await;
    let browser = harness.sign_in(As::Admin).await;
    let (mut seen, mut path) = (0, "/ui/revenue/movements?kind=new".to_owned());
    loop {
        let page = browser.get(&path).await.page();
        seen += page.matches("<tr id=\"row-").count();
        let Some(at) = page.find("rel=\"next\"") else { break };
        let before = &page[..at];
        let href = &before[before.rfind("href=\"").unwrap() + 6..];
        path = href[..href.find('"').unwrap()].replace("&amp;", "&");
    }
    assert_eq!(seen, 120);
}

#[tokio::test]
async fn cohorts_and_products_are_tables() {
    let harness = furnished().await;
    let browser = harness.sign_in(As::Observer).await;
    let cohorts = browser.get("/ui/revenue/cohorts").await.page();
    assert!(cohorts.contains("Before records"), "{cohorts}");
    assert!(cohorts.contains("heat-0") && cohorts.contains("0 %"), "{cohorts}");
    let money = browser.get("/ui/revenue/cohorts?show=money").await.page();
    assert!(money.contains("120 %") && money.contains("25.00 USD"), "{money}");
    let products = browser.get("/ui/revenue/products").await.page();
    assert!(
        products.contains("prod_&lt;b&gt;") && products.contains("100.0 %"),
        "{products}"
    );
}

#[tokio::test]
async fn files_are_quoted_and_smuggle_no_formula() {
    let (memory, billing) = (Memory::new(), FakeBilling::default());
    billing.sell("cus_first", "prod", Currency::USD, "100");
    report(&memory, &billing).await;
    memory.clock().advance(SignedDuration::from_hours(24));
    billing.sell("=cmd|' /C calc'!A0", "=1+1", Currency::USD, "250");
    report(&memory, &billing).await;
    let harness = Harness::around(memory, |_| (), Dashboard::default()).await;
    let browser = harness.sign_in(As::Admin).await;
    let answer = browser.get("/ui/revenue/movements.csv").await;
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(
        answer.header("content-disposition"),
        "attachment; filename=\"movements.csv\""
    );
    let file = answer.page();
    assert!(file.contains(",'=cmd|' /C calc'!A0,new,USD,0.00,2.50,2.50,"), "{file}");
    let products = browser.get("/ui/revenue/products.csv").await.page();
    assert!(products.contains("'=1+1,1,usd,2.50,0.714286,250"), "{products}");
    let days = browser.get("/ui/revenue/days.csv?days=90").await.page();
    assert!(
        days.starts_with("date,complete,subscribers,mrr_usd,opening_usd,new_usd,"),
        "{days}"
    );
    assert_eq!(days.lines().count(), 3, "a head and two days: {days}");
    let cohorts = browser.get("/ui/revenue/cohorts.csv").await.page();
    assert!(cohorts.starts_with("cohort,cohort_customers,"), "{cohorts}");
}

#[tokio::test]
async fn who_may_not_read_revenue_is_told_so() {
    let harness = Harness::new().await;
    for path in ["/ui/revenue", "/ui/revenue/movements.csv"] {
        let request = axum::http::Request::builder().uri(path);
        let answer = harness.call(request.body(axum::body::Body::empty()).unwrap()).await;
        assert!(answer.leads_to().starts_with("/ui/login"), "{path}");
    }
}

/// A store that fails.
struct Broken;

fn busy<T>() -> PortResult<T> {
    Err(PortError::new(PortErrorKind::Unavailable, "the store is busy"))
}

#[async_trait]
impl RevenueStore for Broken {
    async fn latest(&self) -> PortResult<Option<Day>> {
        busy()
    }
    async fn day(&self, _: Date) -> PortResult<Option<Day>> {
        busy()
    }
    async fn days(&self, _: Date, _: Date) -> PortResult<Vec<Day>> {
        busy()
    }
    async fn keep(&self, _: &Day, _: &AgentName, _: &Announcement) -> PortResult<()> {
        busy()
    }
    async fn customers(&self, _: Option<&CustomerKey>, _: usize) -> PortResult<Vec<CustomerRow>> {
        busy()
    }
    async fn keep_customers(&self, _: &[CustomerRow]) -> PortResult<()> {
        busy()
    }
    async fn keep_movements(&self, _: Date, _: u32, _: &[CustomerMovement]) -> PortResult<()> {
        busy()
    }
    async fn movements(&self, _: &MovementFilter, _: Option<Cursor>, _: usize) -> PortResult<Page<CustomerMovement>> {
        busy()
    }
    async fn keep_reconstructed(&self, _: &Day) -> PortResult<bool> {
        busy()
    }
}

#[tokio::test]
async fn a_store_that_fails_is_a_page_that_says_so() {
    let broken = |ports: &mut cc_devops_requests::ports::Ports| ports.revenue = Arc::new(Broken);
    let harness = Harness::around(Memory::new(), broken, Dashboard::default()).await;
    let browser = harness.sign_in(As::Admin).await;
    for path in [
        "/ui/revenue",
        "/ui/revenue/movements",
        "/ui/revenue/cohorts",
        "/ui/revenue/products",
        "/ui/revenue/days.csv",
    ] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, 503, "{path}: {}", answer.text);
        assert!(answer.text.contains("<h1>"), "{path}: {}", answer.text);
    }
}
