//! A refusal in the person's language: in the webmail's own page, in a page that hands a form back, and in one of ours.

use super::squirrelmail::{MESSAGE, SquirrelMail, composed};
use super::{SEND, posting, sending, with_roundcube};
use crate::stack::{Gateway, Settings};

/// A language, its direction, and a word that only it says in each of the places.
const SAID: [(&str, &str, &str, &str, &str); 7] = [
    ("en", "ltr", "Please sign in again", "Try again", "does not exist"),
    ("ru", "ltr", "Войдите, пожалуйста, снова", "Попробовать снова", "Такого адреса нет"),
    ("de", "ltr", "melden Sie sich wieder an", "Noch einmal versuchen", "gibt es nicht"),
    ("fr", "ltr", "Veuillez vous reconnecter", "Réessayer", "n’existe pas"),
    ("es", "ltr", "Vuelva a iniciar sesión", "Intentar de nuevo", "no existe"),
    ("zh", "ltr", "请重新登录", "重试", "此地址不存在"),
    ("ar", "rtl", "يُرجى تسجيل الدخول من جديد", "المحاولة مرة أخرى", "غير موجود"),
];

#[tokio::test]
async fn a_refusal_speaks_as_the_browser_asks() {
    let (_upstream, roundcube) = with_roundcube(&Settings::new()).await;
    let webmail = SquirrelMail::start().await;
    let settings = Settings { webmail: Some("squirrelmail"), ..Settings::new() };
    let squirrelmail = Gateway::start(webmail.address, &settings).await;
    for (tag, direction, signs_in, tries, nowhere) in SAID {
        // A session that nobody knows: what it posts is refused, and nothing of it is lost.
        let mut client = roundcube.client();
        client.header("accept-language", &format!("{tag}-XX,{tag};q=0.9,en;q=0.5"));
        client.set_cookie("roundcube_sessid", "unknown");
        let refused = client.post(SEND, &sending("x")).await;
        assert!(refused.text().contains(signs_in), "{tag}: {}", refused.text());
        let absent = client.get("/config/config.inc.php").await;
        let text = absent.text();
        assert!(text.contains(nowhere) && text.contains(&format!("lang=\"{tag}\" dir=\"{direction}\"")), "{text}");

        let mut client = squirrelmail.client();
        client.header("accept-language", tag);
        client.set_cookie("SQMSESSID", "unknown");
        let (kind, body) = composed(MESSAGE, ("send", "Send"), None);
        let page = client.send(posting(&client, "/src/compose.php", &kind, body)).await.text();
        assert!(page.contains(tries) && page.contains(&format!("lang=\"{tag}\" dir=\"{direction}\"")), "{page}");
    }
}
