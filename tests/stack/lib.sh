# shellcheck shell=bash
#
# A webmail to stand in front of: Roundcube on nginx and PHP-FPM, Dovecot and Postfix, all from Debian's packages, all
# with configuration, data, sockets and logs in one state folder and on loopback ports. Nothing in /etc and no service
# of the machine is touched, and what is stopped is exactly what was started, by process id.
#
# For `source`. Who sources it may set, before calling anything:
#   STACK_PORT_BASE      first of the loopback ports (default 8081: web, then SquirrelMail, IMAP, ManageSieve, SMTP);
#                        STACK_PORT_WEB, _SQUIRRELMAIL, _IMAP, _SIEVE, _SMTP set one alone
#   STACK_DOMAIN         the mail domain (default campus.example)
#   STACK_ACCOUNTS       names of the accounts (default alice … heidi); the password of NAME is NAME-secret
#   STACK_NUMBERED       how many further accounts u001, u002 … there are (default 0)
#   STACK_PHP_CHILDREN   how many requests PHP answers at once (default 12)
#   STACK_SQUIRRELMAIL   folder of a SquirrelMail tree to serve as well, from a copy (default: none)
#   STACK_PORT_SUBMISSION  where mail programs hand in mail (default: nowhere). Postfix and Dovecot then ask a Mailward, as
#                        deploy/postfix and deploy/dovecot say, at STACK_PORT_POSTFIX_DOOR and STACK_PORT_DOVECOT_DOOR

STACK_HOME=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
STACK_DOMAIN=${STACK_DOMAIN:-campus.example}
STACK_ACCOUNTS=${STACK_ACCOUNTS:-alice bob carol dave erin frank grace heidi}
STACK_NUMBERED=${STACK_NUMBERED:-0}
STACK_PHP_CHILDREN=${STACK_PHP_CHILDREN:-12}
STACK_SQUIRRELMAIL=${STACK_SQUIRRELMAIL:-}
STACK_PORT_BASE=${STACK_PORT_BASE:-8081}
STACK_PORT_WEB=${STACK_PORT_WEB:-$STACK_PORT_BASE}
STACK_PORT_SQUIRRELMAIL=${STACK_PORT_SQUIRRELMAIL:-$((STACK_PORT_BASE + 1))}
STACK_PORT_IMAP=${STACK_PORT_IMAP:-$((STACK_PORT_BASE + 2))}
STACK_PORT_SIEVE=${STACK_PORT_SIEVE:-$((STACK_PORT_BASE + 3))}
STACK_PORT_SMTP=${STACK_PORT_SMTP:-$((STACK_PORT_BASE + 4))}
STACK_PORT_SUBMISSION=${STACK_PORT_SUBMISSION:-}
STACK_PORT_POSTFIX_DOOR=${STACK_PORT_POSTFIX_DOOR:-10031}
STACK_PORT_DOVECOT_DOOR=${STACK_PORT_DOVECOT_DOOR:-8084}

# shellcheck disable=SC2034 # for those who source this file
STACK_PACKAGES=(roundcube-core roundcube-sqlite3 roundcube-plugins php8.2-fpm php8.2-cli php8.2-zip nginx-light
    dovecot-imapd dovecot-lmtpd dovecot-sieve dovecot-managesieved postfix)

stack_say() { printf '%s\n' "$*" >&2; }

# Ends the script with a message for people.
stack_die() {
    stack_say "${STACK_NAME:-$(basename "$0")}: $*"
    exit 1
}

# Installs those of the named Debian packages that are missing; quick when none is. Services that the packages bring
# are not started meanwhile: this machine may have its own on the same ports.
stack_install() {
    local package missing=()
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    [ "$(id -u)" = 0 ] || stack_die "these packages are missing and only root can install them: ${missing[*]}"
    command -v apt-get >/dev/null || stack_die "apt-get is missing; this script is written for Debian 12. Needed: ${missing[*]}"
    stack_say "installing ${missing[*]}"
    local log own_policy=
    log=$(mktemp)
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        own_policy=yes
        printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
        chmod 755 /usr/sbin/policy-rc.d
    fi
    local failed=
    stack_apt install "${missing[@]}" >"$log" 2>&1 ||
        { stack_apt update >>"$log" 2>&1 && stack_apt install "${missing[@]}" >>"$log" 2>&1; } || failed=yes
    [ -z "$own_policy" ] || rm -f /usr/sbin/policy-rc.d
    if [ -n "$failed" ]; then
        tail -n 15 "$log" >&2
        stack_die "the packages could not be installed (the whole output is in $log). Is a package source reachable?" \
            "See /etc/apt/sources.list; needed are: ${missing[*]}"
    fi
    rm -f "$log"
}

stack_apt() {
    DEBIAN_FRONTEND=noninteractive apt-get -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold \
        -o Acquire::Retries=3 "$@" </dev/null
}

# Writes one template with the names between @ filled in.
stack_render() { # TEMPLATE TARGET
    sed -e "s|@STATE@|$STACK_STATE|g" \
        -e "s|@DOMAIN@|$STACK_DOMAIN|g" \
        -e "s|@PORT_WEB@|$STACK_PORT_WEB|g" \
        -e "s|@PORT_SQUIRRELMAIL@|$STACK_PORT_SQUIRRELMAIL|g" \
        -e "s|@PORT_IMAP@|$STACK_PORT_IMAP|g" \
        -e "s|@PORT_SIEVE@|$STACK_PORT_SIEVE|g" \
        -e "s|@PORT_SMTP@|$STACK_PORT_SMTP|g" \
        -e "s|@PORT_SUBMISSION@|$STACK_PORT_SUBMISSION|g" \
        -e "s|@PHP_CHILDREN@|$STACK_PHP_CHILDREN|g" \
        -e "s|@ROUNDCUBE_KEY@|$STACK_ROUNDCUBE_KEY|g" \
        "$STACK_HOME/templates/$1" >"$2"
}

# Every account name, one a line.
stack_account_names() {
    # shellcheck disable=SC2086 # a list of words
    printf '%s\n' $STACK_ACCOUNTS
    [ "$STACK_NUMBERED" -eq 0 ] || seq -f 'u%03g' 1 "$STACK_NUMBERED"
}

# Makes the state folder, or brings one of an earlier run up to date: configuration is written anew, accounts that are
# there keep their passwords and their mail.
stack_prepare() { # STATE
    [ "$(id -u)" = 0 ] || stack_die "the mail servers are started by root and give up its rights themselves; run this as root"
    mkdir -p "$1" || stack_die "cannot make the folder $1"
    STACK_STATE=$(cd "$1" && pwd -P)
    # Unix sockets have 107 characters; Dovecot's longest below the state folder is about 45.
    [ ${#STACK_STATE} -le 60 ] || stack_die "the path $STACK_STATE is too long for the sockets in it (at most 60 characters)"
    local s=$STACK_STATE folder
    # www-data, mail, dovecot and postfix must be able to reach what is theirs.
    chmod 755 "$s"
    folder=$s
    while [ "$folder" != / ]; do
        [ -n "$(find "$folder" -maxdepth 0 -perm -o=x)" ] ||
            stack_die "other users cannot enter $folder, so the servers could not reach $s; choose another folder"
        folder=$(dirname "$folder")
    done
    mkdir -p "$s"/{run,log/roundcube,mail,nginx/servers,dovecot/{run,state},php/{sessions,upload}} \
        "$s"/roundcube/{config,db,temp} "$s"/postfix/{etc,queue,data}
    chown www-data:www-data "$s"/log/roundcube "$s"/php/{sessions,upload} "$s"/roundcube/{db,temp} "$s"/nginx
    chmod 700 "$s"/php/{sessions,upload} "$s"/roundcube/{db,temp}
    chown mail:mail "$s/mail" && chmod 700 "$s/mail"
    chown postfix "$s/postfix/data"

    [ -s "$s/roundcube/key" ] || (umask 077 && head -c 18 /dev/urandom | base64 >"$s/roundcube/key")
    STACK_ROUNDCUBE_KEY=$(<"$s/roundcube/key")
    stack_render php-fpm.conf "$s/php/php-fpm.conf"
    stack_render nginx.conf "$s/nginx/nginx.conf"
    stack_render dovecot.conf "$s/dovecot/dovecot.conf"
    stack_render postfix-main.cf "$s/postfix/etc/main.cf"
    stack_render postfix-master.cf "$s/postfix/etc/master.cf"
    stack_render roundcube.php "$s/roundcube/config/config.inc.php"
    chown root:www-data "$s/roundcube/config/config.inc.php" && chmod 640 "$s/roundcube/config/config.inc.php"
    ln -sf /etc/roundcube/defaults.inc.php /etc/roundcube/mimetypes.php "$s/roundcube/config/"

    # Roundcube's password plugin rewrites this file in place, Dovecot reads it.
    touch "$s/accounts"
    chown www-data:dovecot "$s/accounts" && chmod 640 "$s/accounts"
    stack_account_names | awk -F: 'FILENAME != "-" { known[$1]; next } !($1 in known) { print $1 ":{PLAIN}" $1 "-secret::::::" }' \
        "$s/accounts" - >"$s/run/accounts.new"
    cat "$s/run/accounts.new" >>"$s/accounts" && rm "$s/run/accounts.new"
    { stack_account_names && echo postmaster; } | awk -v domain="$STACK_DOMAIN" '{ print $1 "@" domain " mailbox" }' \
        >"$s/postfix/mailboxes"

    if [ ! -s "$s/roundcube/db/roundcube.sqlite" ]; then
        # shellcheck disable=SC2016 # PHP's variables
        php -r '$db = new PDO("sqlite:" . $argv[1]); $db->setAttribute(PDO::ATTR_ERRMODE, PDO::ERRMODE_EXCEPTION);
            $db->exec("PRAGMA journal_mode=WAL"); $db->exec(file_get_contents($argv[2]));' \
            "$s/roundcube/db/new.sqlite" /usr/share/roundcube/SQL/sqlite.initial.sql ||
            stack_die "Roundcube's database could not be made"
        chown www-data:www-data "$s"/roundcube/db/new.sqlite*
        mv "$s/roundcube/db/new.sqlite" "$s/roundcube/db/roundcube.sqlite"
    fi
    stack_prepare_squirrelmail
    stack_prepare_doors
}

# Mail programs, and what deploy/ has for Postfix and Dovecot: word for word, but for the ports.
stack_prepare_doors() {
    local s=$STACK_STATE deploy=$STACK_HOME/../../deploy
    [ -n "$STACK_PORT_SUBMISSION" ] || return 0
    # Dovecot starts first, and listens in Postfix's folder.
    mkdir -p "$s/postfix/queue/private"
    chown postfix "$s/postfix/queue/private" && chmod 700 "$s/postfix/queue/private"
    stack_render postfix-submission.cf "$s/run/submission.cf"
    cat "$s/run/submission.cf" "$deploy/postfix/master.cf" >>"$s/postfix/etc/master.cf"
    sed "s|127.0.0.1:10031|127.0.0.1:$STACK_PORT_POSTFIX_DOOR|" "$deploy/postfix/main.cf" >>"$s/postfix/etc/main.cf"
    stack_render dovecot-doors.conf "$s/run/doors.conf"
    { cat "$s/run/doors.conf" && sed "s|127.0.0.1:8084|127.0.0.1:$STACK_PORT_DOVECOT_DOOR|" "$deploy/dovecot/90-mailward.conf"; } \
        >>"$s/dovecot/dovecot.conf"
}

# Serves a copy of the tree, so that the person's own stays as it is.
stack_prepare_squirrelmail() {
    local s=$STACK_STATE tree=$STACK_SQUIRRELMAIL
    rm -f "$s/nginx/servers/squirrelmail.conf"
    [ -n "$tree" ] || return 0
    { [ -f "$tree/src/login.php" ] && [ -f "$tree/config/config_default.php" ]; } ||
        stack_die "$tree is no SquirrelMail tree: src/login.php or config/config_default.php is missing"
    rm -rf "$s/squirrelmail/tree"
    mkdir -p "$s"/squirrelmail/{tree,data,attach}
    cp -a "$tree/." "$s/squirrelmail/tree/"
    stack_render squirrelmail.php "$s/squirrelmail/tree/config/config_local.php"
    # Releases differ in whether their defaults end with config_local.php; read last, it decides.
    printf '%s\n' '<?php' 'require __DIR__ . "/config_default.php";' 'require __DIR__ . "/config_local.php";' \
        >"$s/squirrelmail/tree/config/config.php"
    chown -R www-data:www-data "$s"/squirrelmail/{data,attach}
    chmod 700 "$s"/squirrelmail/{data,attach}
    chmod -R a+rX "$s/squirrelmail/tree"
    stack_render nginx-squirrelmail.conf "$s/nginx/servers/squirrelmail.conf"
}

# The files that hold the process ids of what was started.
stack_pid_files() {
    printf '%s\n' "$STACK_STATE/run/nginx.pid" "$STACK_STATE/run/php-fpm.pid" "$STACK_STATE/dovecot/run/master.pid" \
        "$STACK_STATE/postfix/queue/pid/master.pid"
}

# Whether a process runs; one that has ended and waits to be collected by its parent does not.
stack_runs() { # PID
    local stat
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null && [[ ${stat##*) } != [ZX]* ]]
}

# Whether the process whose id the file holds is alive and has this state folder in what it was started with: a number
# left behind by a machine that was switched off may belong to somebody else today.
stack_alive() { # PID_FILE
    local pid
    [ -r "$1" ] && pid=$(tr -dc 0-9 <"$1") && [ -n "$pid" ] && stack_runs "$pid" || return 1
    { tr '\0' ' ' <"/proc/$pid/cmdline"; tr '\0' ' ' <"/proc/$pid/environ"; } 2>/dev/null | grep -qF "$STACK_STATE"
}

stack_port_is_free() { # PORT
    ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Starts the servers of a state folder. Each of them listens before its starting command returns.
stack_start() { # STATE
    stack_prepare "$1"
    stack_stop "$1"
    local s=$STACK_STATE port
    local ports=("$STACK_PORT_WEB" "$STACK_PORT_IMAP" "$STACK_PORT_SIEVE" "$STACK_PORT_SMTP")
    [ -z "$STACK_SQUIRRELMAIL" ] || ports+=("$STACK_PORT_SQUIRRELMAIL")
    [ -z "$STACK_PORT_SUBMISSION" ] || ports+=("$STACK_PORT_SUBMISSION")
    for port in "${ports[@]}"; do
        stack_port_is_free "$port" || stack_die "port $port on 127.0.0.1 is taken; choose others with STACK_PORT_BASE=N"
    done
    if ! {
        stack_launch Dovecot dovecot -c "$s/dovecot/dovecot.conf" &&
            stack_launch Postfix postfix -c "$s/postfix/etc" start &&
            stack_launch PHP-FPM php-fpm8.2 --fpm-config "$s/php/php-fpm.conf" &&
            stack_launch nginx nginx -e "$s/log/nginx-error.log" -c "$s/nginx/nginx.conf"
    }; then
        stack_stop "$s"
        return 1
    fi
}

stack_launch() { # NAME COMMAND…
    local name=$1 log=$STACK_STATE/log/start.log
    shift
    # Daemons keep what they inherit; our pipes must not stay open in them.
    if ! "$@" </dev/null >"$log" 2>&1 3>&- 4>&-; then
        tail -n 20 "$log" >&2
        stack_say "$name did not start; see the logs in $STACK_STATE/log"
        return 1
    fi
}

# Stops what runs in the state folder, and nothing else.
stack_stop() { # STATE
    STACK_STATE=$(cd "$1" 2>/dev/null && pwd -P) || return 0
    local file pids=() pid tries=0
    while read -r file; do
        ! stack_alive "$file" || pids+=("$(tr -dc 0-9 <"$file")")
    done < <(stack_pid_files)
    [ ${#pids[@]} -gt 0 ] || return 0
    kill -TERM "${pids[@]}" 2>/dev/null
    for pid in "${pids[@]}"; do
        while stack_runs "$pid"; do
            tries=$((tries + 1))
            [ "$tries" -lt 100 ] || { kill -KILL "$pid" 2>/dev/null; break; }
            sleep 0.05
        done
    done
}
