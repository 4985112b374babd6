//! Rules against known holes: what they refuse never reaches the webmail, is recorded and counted by rule.

use super::{posting, sign_in, signed_in, with_roundcube};
use crate::stack::{Settings, until};

const UPLOAD: &str =
    "/?_task=settings&_remote=1&_from=edit-!%22;i:0;O:16:%22Crypt_GPG_Engine%22&_action=upload&_uploadid=u1";

fn upload(client: &crate::stack::Client, path: &str) -> http::Request<http_body_util::Full<bytes::Bytes>> {
    let body = "--B\r\nContent-Disposition: form-data; name=\"_file[]\"; filename=\"x.png\"\r\n\r\nx\r\n--B--\r\n";
    posting(client, path, "multipart/form-data; boundary=B", body)
}

#[tokio::test]
async fn an_attack_on_a_known_hole_is_refused_recorded_and_counted_also_where_only_observed() {
    for top in ["", "mode = \"observe\""] {
        let (upstream, gateway) = with_roundcube(&Settings { top: top.to_owned(), ..Settings::new() }).await;
        let mut client = signed_in(&gateway, "alice").await;
        upstream.forget();
        let answer = client.send(upload(&client, UPLOAD)).await;
        assert!(answer.text().contains("display_message("), "in the words of the page that waits: {}", answer.text());
        assert_eq!(upstream.seen().len(), 0, "the webmail did not see it");
        let refused = gateway.event("request_refused").await;
        assert_eq!(refused["rule"], "hole:upload-from", "{refused}");
        let counted = "mailward_refused_total{site=\"localhost\",rule=\"hole:upload-from\"} 1";
        until("it is counted", 10, async || {
            gateway.admin_client().get("/metrics").await.text().contains(counted).then_some(())
        })
        .await;
        let innocent =
            client.send(upload(&client, "/?_task=settings&_remote=1&_from=edit-identity&_action=upload")).await;
        assert_eq!((innocent.status.as_u16(), upstream.seen().len()), (200, 1), "{}", innocent.text());
    }
}

#[tokio::test]
async fn a_rule_that_the_operator_opened_lets_through_and_the_others_stay() {
    let settings = Settings { site: "holes_open = [\"hole:sign-in-name\"]".to_owned(), ..Settings::new() };
    let (upstream, gateway) = with_roundcube(&settings).await;
    let mut client = gateway.client();
    assert_eq!(sign_in(&mut client, "alice(staff)", "right").await.status, 302);
    upstream.forget();
    let answer = client.send(upload(&client, UPLOAD)).await;
    assert!(upstream.seen().is_empty(), "{}", answer.text());

    let (upstream, gateway) = with_roundcube(&Settings::new()).await;
    let refused = sign_in(&mut gateway.client(), "alice(staff)", "right").await;
    assert_eq!((refused.status.as_u16(), upstream.seen().len()), (400, 0), "{}", refused.text());
    assert_eq!(sign_in(&mut gateway.client(), "o'brien+x@campus.example", "right").await.status, 302);
}

#[tokio::test]
async fn pages_carry_what_limits_script_unless_that_is_off() {
    let header = |answer: &crate::stack::Answer| {
        let policy = answer.headers.get("content-security-policy")?;
        Some(policy.to_str().expect("ASCII").to_owned())
    };
    let (_upstream, gateway) = with_roundcube(&Settings::new()).await;
    let page = gateway.client().get("/").await;
    assert!(header(&page).is_some_and(|policy| policy.contains("object-src 'none'")), "{:?}", page.headers);
    assert_eq!(page.headers["cross-origin-opener-policy"], "same-origin");
    assert!(page.headers.contains_key("permissions-policy"));

    let off = Settings { site: "response_headers = \"off\"".to_owned(), ..Settings::new() };
    let (_upstream, gateway) = with_roundcube(&off).await;
    let page = gateway.client().get("/").await;
    assert_eq!(header(&page), None);
    assert!(!page.headers.contains_key("permissions-policy"));
    assert_eq!(page.headers["x-content-type-options"], "nosniff", "what was there before stays");
}
