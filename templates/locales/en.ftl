# What every page has.
help = Help: { $helpdesk }
reference = Reference code { $code }
continue = Continue
back-to-webmail = Back to the webmail
sign-out = Sign out

# The page that asks for a second proof.
ask-title = Please confirm that it is you
ask-why = Something about this sign-in is unusual for your account. Please show that it is really you. It takes a moment, and nothing you wrote is lost.
ask-why-restricted = This session can only read. With one of the following it can do everything again.
ask-why-manage = Before you change how you prove that it is you, please confirm it once more.
factor-passkey = Passkey
factor-totp = Code from your app
factor-recovery_code = Recovery code
factor-helpdesk_code = Code from the helpdesk
hint-passkey = Unlock your passkey with your finger, face or PIN, or touch your security key.
hint-totp = Open the app on your phone that shows your codes, and type the six digits.
hint-recovery_code = Type one of the ten codes that you printed or wrote down. Each works once.
hint-helpdesk_code = Ask the helpdesk for a code. They check that it is you, and read eight digits to you.
label-totp = Six-digit code
label-recovery_code = Recovery code
label-helpdesk_code = Helpdesk code
passkey-button = Use the passkey
passkey-script = A passkey needs JavaScript, which is off in this browser. Please choose another way.
passkey-failed = The passkey did not work. Please try again, or choose another way.
remember = This is my own device: remember this browser
confirm = Confirm
other-ways = Other ways
wrong-code = This code is not right, or it was used before. Please check it and try again.
stale = This page had expired. Please try again.
too-many =
    { $minutes ->
        [one] There were too many wrong codes. Please wait one minute, or choose another way.
       *[other] There were too many wrong codes. Please wait { $minutes } minutes, or choose another way.
    }
fault = This cannot be done at the moment because of a fault on our side. Please try again in a minute.

# What comes after it.
passed-title = Thank you
passed-restricted = You can read your mail. To send or to change settings from here, please use a passkey or ask the helpdesk for a code.
passed-frame = Confirmed. Your message is being sent.
nothing-title = This session can only read
nothing-text = Something about this sign-in is unusual for your account, so for your safety it can read mail but not send. Please ask the helpdesk; they can open it at once.

# The person's own page.
account-title = Your account
account-sessions = Where you are signed in
session-this = this one
state-open = can do everything
state-restricted = can only read
state-challenged = waits for a confirmation
not-me-why = Do you not recognise one of them? Then somebody else may know your password.
not-me = This was not me: sign out everywhere else
not-me-title = Please change your password now
not-me-text = All other sessions have ended, other browsers are forgotten, and the administrators are told. Whoever knows your password can still sign in until you change it.
account-devices = Browsers that are remembered
device-since = Known since { $date }
device-used = last used { $date }
forget = Forget
account-factors = How you prove that it is you
factors-none = Nothing is set up yet. If a sign-in of yours looks unusual one day, for example on a journey, you could then only read. Setting it up takes a minute.
factor-added = added { $date }
codes-left =
    { $count ->
        [one] One recovery code is left.
       *[other] { $count } recovery codes are left.
    }
remove = Remove
add-app = Add an app that shows codes
add-passkey = Add a passkey
new-codes = Make new recovery codes
change-blocked = To change any of this, please sign in on campus, or use a browser that you have used here for at least a day, or ask the helpdesk for a code.
change-confirm = To change any of this, please confirm first that it is you.
use-helpdesk-code = I have a code from the helpdesk
changed = Done.
not-changed = This was not done. Please try again.
app-title = Add an app that shows codes
app-scan = Open an app for codes on your phone, such as the one your phone already has for passwords, and scan this picture with it.
app-picture = Picture to be scanned with the app
app-secret = If you cannot scan it, type this key into the app:
app-code = Then type the six digits that the app shows.
name-label = A name, so that you recognise it later
name-app = My phone
name-passkey = My passkey
add = Add
cancel = Cancel
passkey-title = Add a passkey
passkey-text = A passkey is kept in your phone, computer or security key and is unlocked with your finger, face or PIN. It is the safest way: no false page can take it from you.
codes-title = Your recovery codes
codes-text = Print them or write them down, and keep them apart from your password. Each works once, for the day when your phone is lost. They are not shown again.

held-title = Your message is waiting
held-text = You have confirmed that it is you. Your message was not sent yet.
held-send = Go on with it
held-done-title = This message was sent already, or is being sent
held-done-text = There is nothing more to do. If you are not sure, look into the folder of sent messages.

factor-other_address = Code to another address
hint-other_address = We send six digits to another address of yours.
label-other_address = The code that we sent
send-code = Send me a code
code-sent = A code is on its way. It is good for ten minutes; look into the spam folder too.
code-not-sent = The code could not be sent. Please try again later, or choose another way.
too-many-letters = Too many codes were sent already. Please wait an hour, or choose another way.
add-address = Add another address
address-title = Add another address
address-text = An address of yours elsewhere, not here. Codes go there when a sign-in looks unusual, and notices of what happens to your account.
address-label = Your other address
address-own = This is not an e-mail address, or it belongs to this mailbox. Please take one elsewhere.
letter-code-subject = Your code for { $site }
letter-code = Your code is { $code }. It is good for ten minutes. If you did not ask for it, somebody knows your password: please change it at once.
letter-notice-subject = News about your account at { $site }
letter-changed = What proves that it is you was changed.
letter-new = Somebody signed in with a browser or from a country that is new for your account.
letter-not-you = If that was not you, please open this page and change your password:

# The page that asks for a new password.
password-title = Please choose a new password
password-breached = The password that you just used is on a list of stolen passwords that thieves try everywhere. It may have become known at some other place where you use it too.
password-weak = The password that you just used is easy to guess.
password-by = Please change it by { $date }. After that you can read your mail here, but send nothing until it is changed.
password-now = The time for that is over. Until the password is changed you can read your mail here, but not send or change settings.
password-then = When you have changed it there, sign in here again with the new one.
password-change = Change the password
later = Later
password-read = Read my mail

# Confirming from campus: what is shown where it is asked, and on the person's page there.
factor-campus = Confirmation from campus
hint-campus = Somebody who is signed in to your account on campus, you or a person whom you trust at your desk, confirms that it is you.
label-campus = Number
campus-open = In a webmail that is open on campus, go to { $address } and type this number there. You have five minutes.
campus-done = It is confirmed there: continue
campus-not-yet = It is not confirmed yet. Please type the number on campus first.
campus-too-many = This was asked too often. Please wait an hour, or choose another way.
campus-title = Is this you, elsewhere?
campus-text = Somebody who knows your password signs in from here and asks for your confirmation:
campus-label = If it is you: the number that is shown there
campus-else = If it is not you, type nothing: whoever it is stays outside. Please change your password.
campus-confirmed = Confirmed. Press “continue” on the other screen.
campus-wrong = That is not the number that is shown there.
campus-gone = Nobody waits for a confirmation any more. If it was you, ask for it anew.

# The page that invites to set up a second proof.
invite-title = One minute that protects your account
invite-text = Passwords get stolen. With an app on your phone or a passkey you can show that it is really you, for example on a journey, and nobody else gets in with your password alone. Setting it up takes a minute.
invite-button = Set it up
not-now = Not now

# Where codes may go to a telephone too.
address-text-or-telephone = An e-mail address of yours elsewhere, not here, or the number of your mobile phone with its country code, such as +49 151 12345678. Codes go there when a sign-in looks unusual; notices of what happens to your account go to e-mail addresses.
address-label-or-telephone = Your other address or telephone number
address-own-or-telephone = This is neither an e-mail address elsewhere nor a telephone number that begins with + and the country code.

# Where a request is not answered by the webmail: in the webmail's own page or in one of ours.
sign-in = Sign in
seconds =
    { $count ->
        [one] { $count } second
       *[other] { $count } seconds
    }
minutes =
    { $count ->
        [one] { $count } minute
       *[other] { $count } minutes
    }
hours =
    { $count ->
        [one] { $count } hour
       *[other] { $count } hours
    }
refused-title-odd = This request cannot be understood
refused-odd = Something in it is not what a browser sends. If a page of the webmail led here, please tell the helpdesk the reference code.
refused-title-nowhere = There is nothing here
refused-nowhere = This address does not exist.
refused-odd-method = The webmail is asked in other ways than this.
refused-odd-encoding = Forms are taken as they are, not compressed.
refused-title-large = This is too large
refused-large = The file or message is larger than this webmail takes.
refused-title-slow = The connection is too slow
refused-slow = The request did not arrive in time. Nothing was changed; please try again.
refused-title-busy = Too busy at the moment
refused-busy = Too many large messages arrive at once. Nothing was changed; please try again in a moment.
refused-title-flood = Too many requests
refused-flood = Far more requests came from your network than people make. Please wait a moment.
refused-title-held-too-long = Your message waited too long
refused-held-too-long = It was not sent, because too much time had passed. It is still here: you can send it now.
refused-title-held-uncertain = It is not certain whether your message was sent
refused-held-uncertain = Something broke off while it was being sent. Look into the folder of sent messages before you send it again.
refused-title-upstream = The webmail does not answer
refused-upstream = The webmail behind this address is not working at the moment. Your mail is safe.
refused-upstream-not-sent = Your message was not sent; it is still here. Please try again in a few minutes.
refused-upstream-uncertain = It is not certain whether your message was sent: look into the Sent folder before you send it again.
refused-upstream-again = Please try again in a few minutes.
refused-title-limit = Sending limit reached
refused-limit = You have reached the limit for sending, so this message was not sent. Nothing is lost.
refused-limit-by-itself = It will be sent by itself in { $wait }.
refused-limit-again = Please send it again in { $wait }.
refused-limit-fits =
    { $count ->
        [one] Right now it could go to { $count } recipient.
       *[other] Right now it could go to { $count } recipients.
    }
refused-limit-never = It names more recipients than may be written to within this time ({ $count }). To send to many people, ask the helpdesk.
refused-title-recipients = Too many recipients
refused-recipients = This message has { $asked } recipients; one message may have { $most }. It was not sent, and nothing is lost.
refused-recipients-list = To send to many people, ask the helpdesk for a mailing list.
refused-title-reads = This session may only read
refused-unlike = This does not look like your usual way of writing, so for your safety the message was not sent and this session can only read. Nothing is lost.
refused-unlike-you = If it is you, please ask the helpdesk: they can open it at once.
refused-title-content = This message cannot be sent as it is
refused-content = This message looks like mail that other mail servers do not take, so it was not sent. Nothing is lost.
refused-content-ask = If you wrote it yourself, please ask the helpdesk.
refused-title-infected = A virus was found
refused-infected = A virus was found in this message or in one of its files, so it was not sent. Your text is kept: take the file out and send it again. If the file is yours, please have your computer looked at.
refused-infected-file = A virus was found in this file, so it was not attached. Your message is kept. If the file is yours, please have your computer looked at.
refused-title-unseen = Please try again in a minute
refused-unseen = Messages cannot be checked at the moment, so this one was not sent yet. Nothing is lost; please send it again in a minute.
refused-unseen-file = Files cannot be checked at the moment, so this one was not attached. Nothing is lost; please attach it again in a minute.
refused-reads = For your safety this session can read mail but not do this. Nothing was changed. Please ask the helpdesk.
refused-title-waits = Not from here yet
refused-waits = For your safety this is not possible from this browser yet, so nothing was changed. Everything else works as usual. If you need it now, please ask the helpdesk.
refused-title-refused = You cannot sign in from here
refused-refused = This sign-in differs too much from the usual ones of this account. If it is you, please ask the helpdesk.
refused-title-attempts = Please wait before you sign in
refused-attempts = There were too many attempts to sign in that did not succeed.
refused-attempts-wait = Please wait { $wait }, then try again.
refused-attempts-forgotten = If you do not remember your password, the helpdesk can set a new one.
refused-title-locked = This account is locked
refused-locked-send = Your account is locked, so this message was not sent. Please ask the helpdesk.
refused-locked = An administrator has locked this account. Please ask the helpdesk; they can tell you why and open it again.
refused-title-password = Please change your password first
refused-password = Your password is known to be bad and was to be changed by now, so this was not done. Change it in the settings, and you can go on. Nothing is lost.
refused-prove-send = Please confirm that it is you. Your message was not sent yet, and nothing is lost.
refused-prove = Please confirm that it is you before you go on.
refused-title-again = Please sign in again
refused-again = This session has ended. Please sign in again; what you wrote is kept.
refused-title-fault = Not possible at the moment
refused-fault-nothing-lost = This cannot be done at the moment because of a fault on our side. Nothing is lost; please try again in a minute.
back-not-sent = Your message was not sent yet
back-not-saved = Your draft was not saved yet
back-still-here = Your message is still here
back-kept = What you wrote is kept in this page. Leave it open until you have tried again.
back-file = The file you had chosen is not kept.
back-file-how = It was not yet added to the message. If it must go along, go back, add it with “Add”, and send then.
back-sign-in = Sign in in a new window
back-prove = Confirm that it is you in a new window
back-then = Then come back here and try again.
try-again = Try again
