# Sur chaque page.
help = Aide : { $helpdesk }
reference = Code de référence { $code }
continue = Continuer
back-to-webmail = Retour au webmail
sign-out = Se déconnecter

# La page qui demande une deuxième preuve.
ask-title = Veuillez confirmer que c’est bien vous
ask-why = Cette connexion a quelque chose d’inhabituel pour votre compte. Veuillez montrer que c’est bien vous. Cela ne prend qu’un instant, et rien de ce que vous avez écrit n’est perdu.
ask-why-restricted = Cette session peut seulement lire. Avec l’une des preuves suivantes, elle pourra de nouveau tout faire.
ask-why-manage = Avant de changer ce qui prouve que c’est vous, veuillez le confirmer encore une fois.
factor-passkey = Clé d’accès
factor-totp = Code de votre application
factor-recovery_code = Code de secours
factor-helpdesk_code = Code de l’assistance
hint-passkey = Déverrouillez votre clé d’accès avec le doigt, le visage ou le code PIN, ou touchez votre clé de sécurité.
hint-totp = Ouvrez sur votre téléphone l’application qui affiche vos codes, et saisissez les six chiffres.
hint-recovery_code = Saisissez l’un des dix codes que vous avez imprimés ou notés. Chacun sert une seule fois.
hint-helpdesk_code = Demandez un code à l’assistance. On y vérifie que c’est bien vous, puis on vous lit huit chiffres.
label-totp = Code à six chiffres
label-recovery_code = Code de secours
label-helpdesk_code = Code de l’assistance
passkey-button = Utiliser la clé d’accès
passkey-script = Une clé d’accès a besoin de JavaScript, qui est désactivé dans ce navigateur. Veuillez choisir un autre moyen.
passkey-failed = La clé d’accès n’a pas fonctionné. Veuillez réessayer ou choisir un autre moyen.
remember = C’est mon propre appareil : se souvenir de ce navigateur
confirm = Confirmer
other-ways = Autres moyens
wrong-code = Ce code n’est pas bon, ou il a déjà servi. Veuillez le vérifier et réessayer.
stale = Cette page avait expiré. Veuillez réessayer.
too-many =
    { $minutes ->
        [one] Il y a eu trop de codes faux. Veuillez attendre une minute ou choisir un autre moyen.
       *[other] Il y a eu trop de codes faux. Veuillez attendre { $minutes } minutes ou choisir un autre moyen.
    }
fault = Ce n’est pas possible pour le moment, à cause d’une panne de notre côté. Veuillez réessayer dans une minute.

# Ce qui vient ensuite.
passed-title = Merci
passed-restricted = Vous pouvez lire votre courrier. Pour envoyer ou changer des réglages d’ici, veuillez utiliser une clé d’accès ou demander un code à l’assistance.
passed-frame = Confirmé. Votre message est en cours d’envoi.
nothing-title = Cette session peut seulement lire
nothing-text = Cette connexion a quelque chose d’inhabituel pour votre compte. Pour votre sécurité, elle peut lire le courrier mais pas en envoyer. Veuillez vous adresser à l’assistance, qui peut l’ouvrir tout de suite.

# La page personnelle.
account-title = Votre compte
account-sessions = Où vous êtes connecté
session-this = celle-ci
state-open = peut tout faire
state-restricted = peut seulement lire
state-challenged = attend une confirmation
not-me-why = L’une d’elles vous est inconnue ? Quelqu’un d’autre connaît peut-être votre mot de passe.
not-me = Ce n’était pas moi : déconnecter partout ailleurs
not-me-title = Veuillez changer votre mot de passe maintenant
not-me-text = Toutes les autres sessions sont terminées, les autres navigateurs sont oubliés, et les administrateurs sont prévenus. Celui qui connaît votre mot de passe peut encore se connecter tant que vous ne le changez pas.
account-devices = Navigateurs mémorisés
device-since = Connu depuis le { $date }
device-used = utilisé le { $date }
forget = Oublier
account-factors = Ce qui prouve que c’est vous
factors-none = Rien n’est encore prévu. Si un jour l’une de vos connexions paraît inhabituelle, par exemple en voyage, vous pourriez seulement lire. Le mettre en place prend une minute.
factor-added = ajouté le { $date }
codes-left =
    { $count ->
        [one] Il reste un code de secours.
       *[other] Il reste { $count } codes de secours.
    }
remove = Supprimer
add-app = Ajouter une application qui affiche des codes
add-passkey = Ajouter une clé d’accès
new-codes = Créer de nouveaux codes de secours
change-blocked = Pour changer quelque chose ici, connectez-vous sur le campus, ou utilisez un navigateur dont vous vous servez ici depuis au moins un jour, ou demandez un code à l’assistance.
change-confirm = Pour changer quelque chose ici, veuillez d’abord confirmer que c’est vous.
use-helpdesk-code = J’ai un code de l’assistance
changed = C’est fait.
not-changed = Cela n’a pas été fait. Veuillez réessayer.
app-title = Ajouter une application qui affiche des codes
app-scan = Ouvrez sur votre téléphone une application de codes, par exemple celle qu’il a déjà pour les mots de passe, et scannez cette image.
app-picture = Image à scanner avec l’application
app-secret = Si vous ne pouvez pas la scanner, saisissez cette clé dans l’application :
app-code = Saisissez ensuite les six chiffres que l’application affiche.
name-label = Un nom, pour le reconnaître plus tard
name-app = Mon téléphone
name-passkey = Ma clé d’accès
add = Ajouter
cancel = Annuler
passkey-title = Ajouter une clé d’accès
passkey-text = Une clé d’accès se trouve dans votre téléphone, votre ordinateur ou votre clé de sécurité, et se déverrouille avec le doigt, le visage ou le code PIN. C’est le moyen le plus sûr : aucune fausse page ne peut vous la prendre.
codes-title = Vos codes de secours
codes-text = Imprimez-les ou notez-les, et gardez-les à part de votre mot de passe. Chacun sert une seule fois, pour le jour où le téléphone est perdu. Ils ne seront plus affichés.

held-title = Votre message attend
held-text = Vous avez confirmé que c’est vous. Votre message n’est pas encore envoyé.
held-send = Continuer avec ce message
held-done-title = Ce message est déjà envoyé ou en cours d’envoi
held-done-text = Il n’y a plus rien à faire. En cas de doute, regardez dans le dossier des messages envoyés.

factor-other_address = Code à une autre adresse
hint-other_address = Nous envoyons six chiffres à une autre de vos adresses.
label-other_address = Le code que nous avons envoyé
send-code = Envoyer un code
code-sent = Un code est en route. Il est valable dix minutes ; regardez aussi dans les indésirables.
code-not-sent = Le code n’a pas pu être envoyé. Veuillez réessayer plus tard ou choisir un autre moyen.
too-many-letters = Trop de codes ont déjà été envoyés. Veuillez attendre une heure ou choisir un autre moyen.
add-address = Ajouter une autre adresse
address-title = Ajouter une autre adresse
address-text = Une adresse à vous, ailleurs qu’ici. Les codes y sont envoyés quand une connexion paraît inhabituelle, ainsi que les nouvelles de votre compte.
address-label = Votre autre adresse
address-own = Ce n’est pas une adresse e-mail, ou elle appartient à cette boîte. Veuillez en choisir une ailleurs.
letter-code-subject = Votre code pour { $site }
letter-code = Votre code est { $code }. Il est valable dix minutes. Si vous ne l’avez pas demandé, quelqu’un connaît votre mot de passe : changez-le tout de suite.
letter-notice-subject = Nouvelles de votre compte sur { $site }
letter-changed = Ce qui prouve que c’est vous a été changé.
letter-new = Quelqu’un s’est connecté avec un navigateur ou depuis un pays nouveau pour votre compte.
letter-not-you = Si ce n’était pas vous, ouvrez cette page et changez votre mot de passe :

# The page that asks for a new password.
password-title = Veuillez choisir un nouveau mot de passe
password-breached = Le mot de passe que vous venez d’utiliser figure sur une liste de mots de passe volés, que les voleurs essaient partout. Il a peut-être été divulgué ailleurs, sur un autre site où vous l’utilisez aussi.
password-weak = Le mot de passe que vous venez d’utiliser est facile à deviner.
password-by = Veuillez le changer avant le { $date }. Ensuite, vous pourrez lire votre courrier ici, mais pas en envoyer tant qu’il n’est pas changé.
password-now = Le délai est écoulé. Tant que le mot de passe n’est pas changé, vous pouvez lire votre courrier ici, mais ni envoyer ni modifier les réglages.
password-then = Après l’avoir changé là-bas, connectez-vous de nouveau ici avec le nouveau.
password-change = Changer le mot de passe
later = Plus tard
password-read = Lire mon courrier

# Confirming from campus: what is shown where it is asked, and on the person's page there.
factor-campus = Confirmation depuis le campus
hint-campus = Une personne connectée à votre compte sur le campus, vous ou quelqu’un de confiance à votre bureau, confirme que c’est bien vous.
label-campus = Nombre
campus-open = Dans un webmail ouvert sur le campus, allez à { $address } et saisissez-y ce nombre. Vous avez cinq minutes.
campus-done = C’est confirmé là-bas : continuer
campus-not-yet = Ce n’est pas encore confirmé. Veuillez d’abord saisir le nombre sur le campus.
campus-too-many = Cela a été demandé trop souvent. Veuillez attendre une heure ou choisir un autre moyen.
campus-title = Est-ce vous, ailleurs ?
campus-text = Quelqu’un qui connaît votre mot de passe se connecte d’ici et demande votre confirmation :
campus-label = Si c’est vous : le nombre affiché là-bas
campus-else = Si ce n’est pas vous, ne saisissez rien : cette personne reste dehors. Veuillez changer votre mot de passe.
campus-confirmed = Confirmé. Appuyez sur « continuer » sur l’autre écran.
campus-wrong = Ce n’est pas le nombre affiché là-bas.
campus-gone = Plus personne n’attend de confirmation. Si c’était vous, redemandez-la.

# The page that invites to set up a second proof.
invite-title = Une minute pour protéger votre compte
invite-text = Les mots de passe se volent. Avec une application sur votre téléphone ou une clé d’accès, vous pouvez montrer que c’est bien vous, par exemple en voyage, et personne d’autre n’entre avec votre seul mot de passe. La configuration prend une minute.
invite-button = Configurer
not-now = Pas maintenant

# Where codes may go to a telephone too.
address-text-or-telephone = Une adresse électronique que vous avez ailleurs, pas ici, ou le numéro de votre téléphone portable avec l’indicatif du pays, par exemple +49 151 12345678. Les codes y sont envoyés quand une connexion paraît inhabituelle ; les avis sur votre compte vont aux adresses électroniques.
address-label-or-telephone = Votre autre adresse ou numéro de téléphone
address-own-or-telephone = Ce n’est ni une adresse électronique ailleurs ni un numéro de téléphone commençant par + et l’indicatif du pays.

# Where a request is not answered by the webmail: in the webmail's own page or in one of ours.
sign-in = Se connecter
seconds =
    { $count ->
        [one] { $count } seconde
       *[other] { $count } secondes
    }
minutes =
    { $count ->
        [one] { $count } minute
       *[other] { $count } minutes
    }
hours =
    { $count ->
        [one] { $count } heure
       *[other] { $count } heures
    }
refused-title-odd = Cette demande est incompréhensible
refused-odd = Elle contient quelque chose qu’un navigateur n’envoie pas. Si une page du webmail vous a mené ici, veuillez communiquer le code de référence à l’assistance.
refused-title-nowhere = Il n’y a rien ici
refused-nowhere = Cette adresse n’existe pas.
refused-odd-method = On s’adresse autrement au webmail.
refused-odd-encoding = Les formulaires sont acceptés tels quels, non compressés.
refused-title-large = C’est trop volumineux
refused-large = Le fichier ou le message dépasse la taille acceptée par ce webmail.
refused-title-slow = La connexion est trop lente
refused-slow = La demande n’est pas arrivée à temps. Rien n’a été changé ; veuillez réessayer.
refused-title-busy = Trop occupé pour le moment
refused-busy = Trop de gros messages arrivent en même temps. Rien n’a été changé ; veuillez réessayer dans un instant.
refused-title-flood = Trop de demandes
refused-flood = Votre réseau a envoyé bien plus de demandes que n’en font des personnes. Veuillez patienter un instant.
refused-title-held-too-long = Votre message a attendu trop longtemps
refused-held-too-long = Il n’a pas été envoyé, car trop de temps s’était écoulé. Il est toujours ici : vous pouvez l’envoyer maintenant.
refused-title-held-uncertain = Il n’est pas certain que votre message ait été envoyé
refused-held-uncertain = L’envoi s’est interrompu. Regardez dans le dossier des messages envoyés avant de le renvoyer.
refused-title-upstream = Le webmail ne répond pas
refused-upstream = Le webmail à cette adresse ne fonctionne pas en ce moment. Votre courrier est en sécurité.
refused-upstream-not-sent = Votre message n’a pas été envoyé ; il est toujours ici. Veuillez réessayer dans quelques minutes.
refused-upstream-uncertain = Il n’est pas certain que votre message ait été envoyé : regardez dans le dossier des messages envoyés avant de le renvoyer.
refused-upstream-again = Veuillez réessayer dans quelques minutes.
refused-title-limit = Limite d’envoi atteinte
refused-limit = Vous avez atteint la limite d’envoi : ce message n’a donc pas été envoyé. Rien n’est perdu.
refused-limit-by-itself = Il partira tout seul dans { $wait }.
refused-limit-again = Veuillez le renvoyer dans { $wait }.
refused-limit-fits =
    { $count ->
        [one] Pour l’instant, il pourrait partir vers { $count } destinataire.
       *[other] Pour l’instant, il pourrait partir vers { $count } destinataires.
    }
refused-limit-never = Il nomme plus de destinataires que permis dans ce délai ({ $count }). Pour écrire à beaucoup de personnes, adressez-vous à l’assistance.
refused-title-recipients = Trop de destinataires
refused-recipients = Ce message a { $asked } destinataires ; un message peut en avoir { $most }. Il n’a pas été envoyé, et rien n’est perdu.
refused-recipients-list = Pour écrire à beaucoup de personnes, demandez une liste de diffusion à l’assistance.
refused-title-reads = Cette session ne peut que lire
refused-unlike = Cela ne ressemble pas à votre façon habituelle d’écrire : pour votre sécurité, le message n’a pas été envoyé et cette session ne peut que lire. Rien n’est perdu.
refused-unlike-you = Si c’est bien vous, adressez-vous à l’assistance : elle peut l’ouvrir aussitôt.
refused-title-content = Ce message ne peut pas être envoyé tel quel
refused-content = Ce message ressemble à des messages que d’autres serveurs n’acceptent pas : il n’a donc pas été envoyé. Rien n’est perdu.
refused-content-ask = Si c’est bien vous qui l’avez écrit, adressez-vous à l’assistance.
refused-title-infected = Un virus a été trouvé
refused-infected = Un virus a été trouvé dans ce message ou dans l’un de ses fichiers : il n’a donc pas été envoyé. Votre texte est conservé : retirez le fichier et envoyez à nouveau. Si le fichier vient de vous, faites examiner votre ordinateur.
refused-infected-file = Un virus a été trouvé dans ce fichier : il n’a donc pas été joint. Votre message est conservé. Si le fichier vient de vous, faites examiner votre ordinateur.
refused-title-unseen = Veuillez réessayer dans une minute
refused-unseen = Les messages ne peuvent pas être vérifiés pour le moment : celui-ci n’a donc pas encore été envoyé. Rien n’est perdu ; veuillez l’envoyer à nouveau dans une minute.
refused-unseen-file = Les fichiers ne peuvent pas être vérifiés pour le moment : celui-ci n’a donc pas été joint. Rien n’est perdu ; veuillez le joindre à nouveau dans une minute.
refused-reads = Pour votre sécurité, cette session peut lire le courrier mais pas faire cela. Rien n’a été changé. Veuillez vous adresser à l’assistance.
refused-title-waits = Pas encore depuis ici
refused-waits = Pour votre sécurité, cela n’est pas encore possible depuis ce navigateur ; rien n’a été changé. Tout le reste fonctionne comme d’habitude. Si vous en avez besoin maintenant, veuillez vous adresser à l’assistance.
refused-title-refused = Vous ne pouvez pas vous connecter d’ici
refused-refused = Cette connexion diffère trop des connexions habituelles de ce compte. Si c’est bien vous, adressez-vous à l’assistance.
refused-title-attempts = Veuillez patienter avant de vous connecter
refused-attempts = Il y a eu trop de tentatives de connexion infructueuses.
refused-attempts-wait = Veuillez attendre { $wait }, puis réessayer.
refused-attempts-forgotten = Si vous avez oublié votre mot de passe, l’assistance peut en définir un nouveau.
refused-title-locked = Ce compte est verrouillé
refused-locked-send = Votre compte est verrouillé : ce message n’a donc pas été envoyé. Veuillez vous adresser à l’assistance.
refused-locked = Un administrateur a verrouillé ce compte. Adressez-vous à l’assistance : elle peut vous dire pourquoi et le rouvrir.
refused-title-password = Veuillez d’abord changer votre mot de passe
refused-password = Votre mot de passe n’est plus sûr et aurait dû être changé : l’action n’a donc pas été faite. Changez-le dans les réglages et vous pourrez continuer. Rien n’est perdu.
refused-prove-send = Veuillez confirmer que c’est bien vous. Votre message n’a pas encore été envoyé, et rien n’est perdu.
refused-prove = Veuillez confirmer que c’est bien vous avant de continuer.
refused-title-again = Veuillez vous reconnecter
refused-again = Cette session est terminée. Veuillez vous reconnecter ; ce que vous avez écrit est conservé.
refused-title-fault = Impossible pour le moment
refused-fault-nothing-lost = C’est impossible pour le moment à cause d’une panne de notre côté. Rien n’est perdu ; veuillez réessayer dans une minute.
back-not-sent = Votre message n’a pas encore été envoyé
back-not-saved = Votre brouillon n’a pas encore été enregistré
back-still-here = Votre message est toujours ici
back-kept = Ce que vous avez écrit est conservé dans cette page. Laissez-la ouverte jusqu’à ce que vous ayez réessayé.
back-file = Le fichier que vous aviez choisi n’est pas conservé.
back-file-how = Il n’était pas encore ajouté au message. S’il doit partir avec, revenez en arrière, ajoutez-le avec « Ajouter », puis envoyez.
back-sign-in = Se connecter dans une nouvelle fenêtre
back-prove = Confirmer dans une nouvelle fenêtre que c’est vous
back-then = Revenez ensuite ici et réessayez.
try-again = Réessayer
