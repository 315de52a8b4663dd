//! The page of the settings in force.

use cc_devops_dashboard::Dashboard;
use cc_devops_http::ServerConfig;
use cc_devops_testkit::Memory;

use crate::harness::{As, Harness};

#[tokio::test]
async fn settings_are_shown_as_they_are_in_force() {
    let row = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let dashboard = Dashboard {
        settings: vec![
            ("general".to_owned(), vec![row("mode", "normal")]),
            (
                "server".to_owned(),
                vec![row("listen", "127.0.0.1:0"), row("tls_cert", "")],
            ),
            (
                "stripe".to_owned(),
                vec![row("key_secret", "<script>alert(1)</script>")],
            ),
        ],
        policies: Vec::new(),
    };
    let harness = Harness::around(Memory::new(), |_| (), dashboard).await;
    let page = harness.sign_in(As::Observer).await.get("/ui/settings").await.page();
    assert!(page.contains("Not set: ") && page.contains("mode"), "{page}");
    assert!(
        page.contains("&lt;script&gt;") && !page.contains("<script>alert"),
        "{page}"
    );
    let listen = ServerConfig::default().listen.to_string();
    assert!(
        page.contains(&listen) && !page.contains("127.0.0.1:0<"),
        "as a flag said: {page}"
    );
}

#[tokio::test]
async fn without_settings_it_says_where_they_are() {
    let harness = Harness::new().await;
    let page = harness.sign_in(As::Admin).await.get("/ui/settings").await.page();
    assert!(page.contains("cc-devops config show"), "{page}");
}
