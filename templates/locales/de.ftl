# Auf jeder Seite.
help = Hilfe: { $helpdesk }
reference = Kennung { $code }
continue = Weiter
back-to-webmail = Zurück zum Webmail
sign-out = Abmelden

# Die Seite, die um einen zweiten Nachweis bittet.
ask-title = Bitte bestätigen Sie, dass Sie es sind
ask-why = Etwas an dieser Anmeldung ist für Ihr Konto ungewöhnlich. Bitte zeigen Sie, dass wirklich Sie es sind. Das dauert einen Augenblick, und nichts, was Sie geschrieben haben, geht verloren.
ask-why-restricted = Diese Sitzung kann nur lesen. Mit einem der folgenden Nachweise kann sie wieder alles.
ask-why-manage = Bevor Sie ändern, womit Sie sich ausweisen, bestätigen Sie bitte noch einmal, dass Sie es sind.
factor-passkey = Passkey
factor-totp = Code aus Ihrer App
factor-recovery_code = Notfallcode
factor-helpdesk_code = Code vom Helpdesk
hint-passkey = Entsperren Sie Ihren Passkey mit Finger, Gesicht oder PIN, oder berühren Sie Ihren Sicherheitsschlüssel.
hint-totp = Öffnen Sie auf Ihrem Telefon die App, die Ihre Codes zeigt, und tippen Sie die sechs Ziffern ein.
hint-recovery_code = Tippen Sie einen der zehn Codes ein, die Sie gedruckt oder aufgeschrieben haben. Jeder gilt einmal.
hint-helpdesk_code = Bitten Sie den Helpdesk um einen Code. Man prüft dort, dass Sie es sind, und liest Ihnen acht Ziffern vor.
label-totp = Sechsstelliger Code
label-recovery_code = Notfallcode
label-helpdesk_code = Code vom Helpdesk
passkey-button = Passkey verwenden
passkey-script = Ein Passkey braucht JavaScript, das in diesem Browser ausgeschaltet ist. Bitte wählen Sie einen anderen Weg.
passkey-failed = Der Passkey hat nicht funktioniert. Bitte versuchen Sie es noch einmal oder wählen Sie einen anderen Weg.
remember = Das ist mein eigenes Gerät: diesen Browser merken
confirm = Bestätigen
other-ways = Andere Wege
wrong-code = Dieser Code ist nicht richtig oder wurde schon verwendet. Bitte prüfen Sie ihn und versuchen Sie es noch einmal.
stale = Diese Seite war abgelaufen. Bitte versuchen Sie es noch einmal.
too-many =
    { $minutes ->
        [one] Es gab zu viele falsche Codes. Bitte warten Sie eine Minute oder wählen Sie einen anderen Weg.
       *[other] Es gab zu viele falsche Codes. Bitte warten Sie { $minutes } Minuten oder wählen Sie einen anderen Weg.
    }
fault = Das geht gerade nicht, wegen eines Fehlers auf unserer Seite. Bitte versuchen Sie es in einer Minute noch einmal.

# Was danach kommt.
passed-title = Danke
passed-restricted = Sie können Ihre Mail lesen. Um von hier zu senden oder Einstellungen zu ändern, verwenden Sie bitte einen Passkey oder bitten Sie den Helpdesk um einen Code.
passed-frame = Bestätigt. Ihre Nachricht wird gesendet.
nothing-title = Diese Sitzung kann nur lesen
nothing-text = Etwas an dieser Anmeldung ist für Ihr Konto ungewöhnlich. Zu Ihrer Sicherheit kann sie Mail lesen, aber nicht senden. Bitte wenden Sie sich an den Helpdesk; man kann sie dort sofort freigeben.

# Die eigene Seite.
account-title = Ihr Konto
account-sessions = Wo Sie angemeldet sind
session-this = diese hier
state-open = kann alles
state-restricted = kann nur lesen
state-challenged = wartet auf eine Bestätigung
not-me-why = Erkennen Sie eine davon nicht wieder? Dann kennt vielleicht jemand anderes Ihr Passwort.
not-me = Das war nicht ich: überall sonst abmelden
not-me-title = Bitte ändern Sie jetzt Ihr Passwort
not-me-text = Alle anderen Sitzungen sind beendet, andere Browser vergessen, und die Verwaltung weiß Bescheid. Wer Ihr Passwort kennt, kann sich aber weiter anmelden, bis Sie es ändern.
account-devices = Gemerkte Browser
device-since = Bekannt seit { $date }
device-used = zuletzt verwendet { $date }
forget = Vergessen
account-factors = Womit Sie zeigen, dass Sie es sind
factors-none = Noch ist nichts eingerichtet. Wenn einmal eine Anmeldung von Ihnen ungewöhnlich aussieht, etwa auf einer Reise, könnten Sie dann nur lesen. Das Einrichten dauert eine Minute.
factor-added = hinzugefügt { $date }
codes-left =
    { $count ->
        [one] Ein Notfallcode ist übrig.
       *[other] { $count } Notfallcodes sind übrig.
    }
remove = Entfernen
add-app = App hinzufügen, die Codes zeigt
add-passkey = Passkey hinzufügen
new-codes = Neue Notfallcodes machen
change-blocked = Um hier etwas zu ändern, melden Sie sich bitte auf dem Campus an, verwenden Sie einen Browser, den Sie hier seit mindestens einem Tag benutzen, oder bitten Sie den Helpdesk um einen Code.
change-confirm = Um hier etwas zu ändern, bestätigen Sie bitte zuerst, dass Sie es sind.
use-helpdesk-code = Ich habe einen Code vom Helpdesk
changed = Erledigt.
not-changed = Das wurde nicht gemacht. Bitte versuchen Sie es noch einmal.
app-title = App hinzufügen, die Codes zeigt
app-scan = Öffnen Sie auf Ihrem Telefon eine App für Codes, etwa die, die es schon für Passwörter hat, und lesen Sie damit dieses Bild ein.
app-picture = Bild zum Einlesen mit der App
app-secret = Wenn Sie es nicht einlesen können, tippen Sie diesen Schlüssel in die App:
app-code = Tippen Sie dann die sechs Ziffern ein, die die App zeigt.
name-label = Ein Name, damit Sie es später wiedererkennen
name-app = Mein Telefon
name-passkey = Mein Passkey
add = Hinzufügen
cancel = Abbrechen
passkey-title = Passkey hinzufügen
passkey-text = Ein Passkey liegt in Ihrem Telefon, Computer oder Sicherheitsschlüssel und wird mit Finger, Gesicht oder PIN entsperrt. Er ist der sicherste Weg: keine gefälschte Seite kann ihn Ihnen abnehmen.
codes-title = Ihre Notfallcodes
codes-text = Drucken Sie sie oder schreiben Sie sie auf, und bewahren Sie sie getrennt von Ihrem Passwort auf. Jeder gilt einmal, für den Tag, an dem das Telefon verloren ist. Sie werden nicht wieder gezeigt.

held-title = Ihre Nachricht wartet
held-text = Sie haben bestätigt, dass Sie es sind. Ihre Nachricht wurde noch nicht gesendet.
held-send = Damit weitermachen
held-done-title = Diese Nachricht wurde schon gesendet oder wird gerade gesendet
held-done-text = Es ist nichts mehr zu tun. Wenn Sie unsicher sind, sehen Sie im Ordner der gesendeten Nachrichten nach.

factor-other_address = Code an eine andere Adresse
hint-other_address = Wir schicken sechs Ziffern an eine andere Adresse von Ihnen.
label-other_address = Der Code, den wir geschickt haben
send-code = Code senden
code-sent = Ein Code ist unterwegs. Er gilt zehn Minuten; sehen Sie auch im Spam-Ordner nach.
code-not-sent = Der Code konnte nicht gesendet werden. Bitte versuchen Sie es später oder wählen Sie einen anderen Weg.
too-many-letters = Es wurden schon zu viele Codes gesendet. Bitte warten Sie eine Stunde oder wählen Sie einen anderen Weg.
add-address = Eine andere Adresse hinzufügen
address-title = Eine andere Adresse hinzufügen
address-text = Eine Adresse von Ihnen anderswo, nicht hier. Dorthin gehen Codes, wenn eine Anmeldung ungewöhnlich aussieht, und Nachrichten darüber, was mit Ihrem Konto geschieht.
address-label = Ihre andere Adresse
address-own = Das ist keine E-Mail-Adresse, oder sie gehört zu diesem Postfach. Bitte nehmen Sie eine anderswo.
letter-code-subject = Ihr Code für { $site }
letter-code = Ihr Code ist { $code }. Er gilt zehn Minuten. Wenn Sie ihn nicht angefordert haben, kennt jemand Ihr Passwort: bitte ändern Sie es sofort.
letter-notice-subject = Neues über Ihr Konto bei { $site }
letter-changed = Womit Sie zeigen, dass Sie es sind, wurde geändert.
letter-new = Jemand hat sich mit einem Browser oder aus einem Land angemeldet, die für Ihr Konto neu sind.
letter-not-you = Wenn Sie das nicht waren, öffnen Sie bitte diese Seite und ändern Sie Ihr Passwort:

# The page that asks for a new password.
password-title = Bitte wählen Sie ein neues Passwort
password-breached = Das Passwort, das Sie gerade benutzt haben, steht auf einer Liste gestohlener Passwörter, die Diebe überall ausprobieren. Vielleicht ist es an einer anderen Stelle bekannt geworden, an der Sie es auch benutzen.
password-weak = Das Passwort, das Sie gerade benutzt haben, ist leicht zu erraten.
password-by = Bitte ändern Sie es bis zum { $date }. Danach können Sie hier Ihre Mail lesen, aber nichts senden, bis es geändert ist.
password-now = Die Zeit dafür ist abgelaufen. Bis das Passwort geändert ist, können Sie hier Ihre Mail lesen, aber nichts senden und keine Einstellungen ändern.
password-then = Wenn Sie es dort geändert haben, melden Sie sich hier mit dem neuen wieder an.
password-change = Passwort ändern
later = Später
password-read = Meine Mail lesen

# Confirming from campus: what is shown where it is asked, and on the person's page there.
factor-campus = Bestätigung vom Campus
hint-campus = Wer auf dem Campus bei Ihrem Konto angemeldet ist, Sie selbst oder jemand Ihres Vertrauens an Ihrem Schreibtisch, bestätigt, dass Sie es sind.
label-campus = Zahl
campus-open = Öffnen Sie in einem Webmail, das auf dem Campus angemeldet ist, { $address } und geben Sie dort diese Zahl ein. Sie haben fünf Minuten.
campus-done = Dort ist es bestätigt: weiter
campus-not-yet = Es ist noch nicht bestätigt. Bitte geben Sie zuerst die Zahl auf dem Campus ein.
campus-too-many = Das wurde zu oft verlangt. Bitte warten Sie eine Stunde oder wählen Sie einen anderen Weg.
campus-title = Sind das Sie, an einem anderen Ort?
campus-text = Jemand, der Ihr Passwort kennt, meldet sich von hier an und bittet um Ihre Bestätigung:
campus-label = Wenn Sie es sind: die Zahl, die dort steht
campus-else = Wenn Sie es nicht sind, geben Sie nichts ein: wer es auch ist, bleibt draußen. Bitte ändern Sie Ihr Passwort.
campus-confirmed = Bestätigt. Drücken Sie auf dem anderen Bildschirm „weiter“.
campus-wrong = Das ist nicht die Zahl, die dort steht.
campus-gone = Es wartet niemand mehr auf eine Bestätigung. Wenn Sie es waren, fordern Sie sie neu an.

# The page that invites to set up a second proof.
invite-title = Eine Minute, die Ihr Konto schützt
invite-text = Passwörter werden gestohlen. Mit einer App auf Ihrem Telefon oder einem Passkey können Sie zeigen, dass Sie es wirklich sind, zum Beispiel auf einer Reise, und niemand sonst kommt mit Ihrem Passwort allein hinein. Das Einrichten dauert eine Minute.
invite-button = Einrichten
not-now = Jetzt nicht

# Where codes may go to a telephone too.
address-text-or-telephone = Eine E-Mail-Adresse, die Sie anderswo haben, nicht hier, oder die Nummer Ihres Mobiltelefons mit Landesvorwahl, etwa +49 151 12345678. Dorthin gehen Codes, wenn eine Anmeldung ungewöhnlich aussieht; Mitteilungen über Ihr Konto gehen an E-Mail-Adressen.
address-label-or-telephone = Ihre andere Adresse oder Telefonnummer
address-own-or-telephone = Das ist weder eine E-Mail-Adresse anderswo noch eine Telefonnummer, die mit + und der Landesvorwahl beginnt.

# Where a request is not answered by the webmail: in the webmail's own page or in one of ours.
sign-in = Anmelden
seconds =
    { $count ->
        [one] { $count } Sekunde
       *[other] { $count } Sekunden
    }
minutes =
    { $count ->
        [one] { $count } Minute
       *[other] { $count } Minuten
    }
hours =
    { $count ->
        [one] { $count } Stunde
       *[other] { $count } Stunden
    }
refused-title-odd = Diese Anfrage ist nicht zu verstehen
refused-odd = Etwas darin ist nicht, was ein Browser schickt. Falls eine Seite des Webmails hierher geführt hat, nennen Sie dem Helpdesk bitte den Referenzcode.
refused-title-nowhere = Hier ist nichts
refused-nowhere = Diese Adresse gibt es nicht.
refused-odd-method = Das Webmail wird auf andere Weise gefragt.
refused-odd-encoding = Formulare werden so genommen, wie sie sind, nicht komprimiert.
refused-title-large = Das ist zu groß
refused-large = Die Datei oder Nachricht ist größer, als dieses Webmail sie annimmt.
refused-title-slow = Die Verbindung ist zu langsam
refused-slow = Die Anfrage kam nicht rechtzeitig an. Es wurde nichts geändert; bitte versuchen Sie es noch einmal.
refused-title-busy = Im Moment überlastet
refused-busy = Es kommen zu viele große Nachrichten auf einmal an. Es wurde nichts geändert; bitte versuchen Sie es gleich noch einmal.
refused-title-flood = Zu viele Anfragen
refused-flood = Aus Ihrem Netz kamen weit mehr Anfragen, als Menschen stellen. Bitte warten Sie einen Moment.
refused-title-held-too-long = Ihre Nachricht hat zu lange gewartet
refused-held-too-long = Sie wurde nicht gesendet, weil zu viel Zeit vergangen war. Sie ist noch hier: Sie können sie jetzt senden.
refused-title-held-uncertain = Es ist nicht sicher, ob Ihre Nachricht gesendet wurde
refused-held-uncertain = Beim Senden ist etwas abgebrochen. Sehen Sie im Ordner der gesendeten Nachrichten nach, bevor Sie sie noch einmal senden.
refused-title-upstream = Das Webmail antwortet nicht
refused-upstream = Das Webmail hinter dieser Adresse arbeitet im Moment nicht. Ihre Mail ist in Sicherheit.
refused-upstream-not-sent = Ihre Nachricht wurde nicht gesendet; sie ist noch hier. Bitte versuchen Sie es in ein paar Minuten noch einmal.
refused-upstream-uncertain = Es ist nicht sicher, ob Ihre Nachricht gesendet wurde: sehen Sie im Ordner „Gesendet“ nach, bevor Sie sie noch einmal senden.
refused-upstream-again = Bitte versuchen Sie es in ein paar Minuten noch einmal.
refused-title-limit = Sendegrenze erreicht
refused-limit = Sie haben die Grenze für das Senden erreicht, deshalb wurde diese Nachricht nicht gesendet. Nichts ist verloren.
refused-limit-by-itself = Sie wird in { $wait } von selbst gesendet.
refused-limit-again = Bitte senden Sie sie in { $wait } noch einmal.
refused-limit-fits = Im Moment könnte sie an { $count } Empfänger gehen.
refused-limit-never = Sie nennt mehr Empfänger, als in dieser Zeit angeschrieben werden dürfen ({ $count }). Um an viele Menschen zu senden, fragen Sie den Helpdesk.
refused-title-recipients = Zu viele Empfänger
refused-recipients = Diese Nachricht hat { $asked } Empfänger; eine Nachricht darf { $most } haben. Sie wurde nicht gesendet, und nichts ist verloren.
refused-recipients-list = Um an viele Menschen zu senden, bitten Sie den Helpdesk um eine Mailingliste.
refused-title-reads = Diese Sitzung darf nur lesen
refused-unlike = Das sieht nicht aus wie Ihre übliche Art zu schreiben, deshalb wurde die Nachricht zu Ihrer Sicherheit nicht gesendet, und diese Sitzung kann nur lesen. Nichts ist verloren.
refused-unlike-you = Wenn Sie es sind, fragen Sie bitte den Helpdesk: dort kann man sie sofort freigeben.
refused-title-content = Diese Nachricht kann so nicht gesendet werden
refused-content = Diese Nachricht sieht aus wie Post, die andere Mailserver nicht annehmen, deshalb wurde sie nicht gesendet. Nichts ist verloren.
refused-content-ask = Wenn Sie sie selbst geschrieben haben, fragen Sie bitte den Helpdesk.
refused-title-infected = Ein Virus wurde gefunden
refused-infected = In dieser Nachricht oder in einer ihrer Dateien wurde ein Virus gefunden, deshalb wurde sie nicht gesendet. Ihr Text ist erhalten: Nehmen Sie die Datei heraus und senden Sie noch einmal. Wenn die Datei von Ihnen ist, lassen Sie bitte Ihren Computer untersuchen.
refused-infected-file = In dieser Datei wurde ein Virus gefunden, deshalb wurde sie nicht angehängt. Ihre Nachricht ist erhalten. Wenn die Datei von Ihnen ist, lassen Sie bitte Ihren Computer untersuchen.
refused-title-unseen = Bitte versuchen Sie es in einer Minute noch einmal
refused-unseen = Nachrichten können im Moment nicht geprüft werden, deshalb wurde diese noch nicht gesendet. Nichts ist verloren; bitte senden Sie sie in einer Minute noch einmal.
refused-unseen-file = Dateien können im Moment nicht geprüft werden, deshalb wurde diese nicht angehängt. Nichts ist verloren; bitte hängen Sie sie in einer Minute noch einmal an.
refused-reads = Zu Ihrer Sicherheit kann diese Sitzung Mail lesen, aber das nicht tun. Es wurde nichts geändert. Bitte fragen Sie den Helpdesk.
refused-title-waits = Von hier aus noch nicht
refused-waits = Zu Ihrer Sicherheit ist das von diesem Browser aus noch nicht möglich; es wurde nichts geändert. Alles andere geht wie gewohnt. Wenn Sie es jetzt brauchen, fragen Sie bitte den Helpdesk.
refused-title-refused = Sie können sich von hier nicht anmelden
refused-refused = Diese Anmeldung weicht zu sehr von den üblichen dieses Kontos ab. Wenn Sie es sind, fragen Sie bitte den Helpdesk.
refused-title-attempts = Bitte warten Sie, bevor Sie sich anmelden
refused-attempts = Es gab zu viele Anmeldeversuche, die nicht gelungen sind.
refused-attempts-wait = Bitte warten Sie { $wait } und versuchen Sie es dann noch einmal.
refused-attempts-forgotten = Wenn Sie Ihr Passwort nicht mehr wissen, kann der Helpdesk ein neues setzen.
refused-title-locked = Dieses Konto ist gesperrt
refused-locked-send = Ihr Konto ist gesperrt, deshalb wurde diese Nachricht nicht gesendet. Bitte fragen Sie den Helpdesk.
refused-locked = Ein Administrator hat dieses Konto gesperrt. Bitte fragen Sie den Helpdesk; dort sagt man Ihnen, warum, und kann es wieder öffnen.
refused-title-password = Bitte ändern Sie zuerst Ihr Passwort
refused-password = Ihr Passwort ist als unsicher bekannt und hätte inzwischen geändert sein sollen, deshalb wurde das nicht getan. Ändern Sie es in den Einstellungen, dann geht es weiter. Nichts ist verloren.
refused-prove-send = Bitte bestätigen Sie, dass Sie es sind. Ihre Nachricht wurde noch nicht gesendet, und nichts ist verloren.
refused-prove = Bitte bestätigen Sie, dass Sie es sind, bevor Sie weitermachen.
refused-title-again = Bitte melden Sie sich wieder an
refused-again = Diese Sitzung ist beendet. Bitte melden Sie sich wieder an; was Sie geschrieben haben, bleibt erhalten.
refused-title-fault = Im Moment nicht möglich
refused-fault-nothing-lost = Das geht im Moment wegen eines Fehlers auf unserer Seite nicht. Nichts ist verloren; bitte versuchen Sie es in einer Minute noch einmal.
back-not-sent = Ihre Nachricht wurde noch nicht gesendet
back-not-saved = Ihr Entwurf wurde noch nicht gespeichert
back-still-here = Ihre Nachricht ist noch hier
back-kept = Was Sie geschrieben haben, ist auf dieser Seite erhalten. Lassen Sie sie offen, bis Sie es noch einmal versucht haben.
back-file = Die Datei, die Sie ausgewählt hatten, ist nicht erhalten.
back-file-how = Sie war der Nachricht noch nicht hinzugefügt. Wenn sie mit soll, gehen Sie zurück, fügen Sie sie mit „Hinzufügen“ an und senden Sie dann.
back-sign-in = In einem neuen Fenster anmelden
back-prove = In einem neuen Fenster bestätigen, dass Sie es sind
back-then = Kommen Sie dann hierher zurück und versuchen Sie es noch einmal.
try-again = Noch einmal versuchen
