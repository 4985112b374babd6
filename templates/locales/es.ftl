# En todas las páginas.
help = Ayuda: { $helpdesk }
reference = Código de referencia { $code }
continue = Continuar
back-to-webmail = Volver al correo
sign-out = Cerrar sesión

# La página que pide una segunda prueba.
ask-title = Confirme que es usted
ask-why = Algo en este inicio de sesión no es habitual en su cuenta. Muestre que es usted de verdad. Es un momento, y no se pierde nada de lo que escribió.
ask-why-restricted = Esta sesión solo puede leer. Con una de las siguientes pruebas podrá volver a hacerlo todo.
ask-why-manage = Antes de cambiar con qué demuestra que es usted, confírmelo una vez más.
factor-passkey = Llave de acceso
factor-totp = Código de su aplicación
factor-recovery_code = Código de recuperación
factor-helpdesk_code = Código del servicio de ayuda
hint-passkey = Desbloquee su llave de acceso con el dedo, la cara o el PIN, o toque su llave de seguridad.
hint-totp = Abra en su teléfono la aplicación que muestra sus códigos y escriba las seis cifras.
hint-recovery_code = Escriba uno de los diez códigos que imprimió o anotó. Cada uno sirve una vez.
hint-helpdesk_code = Pida un código al servicio de ayuda. Comprobarán que es usted y le leerán ocho cifras.
label-totp = Código de seis cifras
label-recovery_code = Código de recuperación
label-helpdesk_code = Código del servicio de ayuda
passkey-button = Usar la llave de acceso
passkey-script = Una llave de acceso necesita JavaScript, que está desactivado en este navegador. Elija otra forma.
passkey-failed = La llave de acceso no funcionó. Inténtelo de nuevo o elija otra forma.
remember = Este dispositivo es mío: recordar este navegador
confirm = Confirmar
other-ways = Otras formas
wrong-code = Este código no es correcto o ya se usó. Compruébelo e inténtelo de nuevo.
stale = Esta página había caducado. Inténtelo de nuevo.
too-many =
    { $minutes ->
        [one] Hubo demasiados códigos incorrectos. Espere un minuto o elija otra forma.
       *[other] Hubo demasiados códigos incorrectos. Espere { $minutes } minutos o elija otra forma.
    }
fault = Ahora no es posible por un fallo nuestro. Inténtelo de nuevo dentro de un minuto.

# Lo que viene después.
passed-title = Gracias
passed-restricted = Puede leer su correo. Para enviar o cambiar ajustes desde aquí, use una llave de acceso o pida un código al servicio de ayuda.
passed-frame = Confirmado. Su mensaje se está enviando.
nothing-title = Esta sesión solo puede leer
nothing-text = Algo en este inicio de sesión no es habitual en su cuenta. Por su seguridad puede leer correo, pero no enviarlo. Diríjase al servicio de ayuda, que puede abrirla al momento.

# La página personal.
account-title = Su cuenta
account-sessions = Dónde tiene la sesión iniciada
session-this = esta
state-open = puede hacerlo todo
state-restricted = solo puede leer
state-challenged = espera una confirmación
not-me-why = ¿No reconoce alguna? Entonces quizá otra persona conozca su contraseña.
not-me = No fui yo: cerrar todas las demás
not-me-title = Cambie su contraseña ahora
not-me-text = Todas las demás sesiones se han cerrado, los demás navegadores se han olvidado y los administradores están avisados. Quien conozca su contraseña aún puede entrar hasta que la cambie.
account-devices = Navegadores recordados
device-since = Conocido desde { $date }
device-used = usado por última vez { $date }
forget = Olvidar
account-factors = Con qué demuestra que es usted
factors-none = Todavía no hay nada configurado. Si un día un inicio de sesión suyo parece inusual, por ejemplo de viaje, solo podría leer. Configurarlo lleva un minuto.
factor-added = añadido { $date }
codes-left =
    { $count ->
        [one] Queda un código de recuperación.
       *[other] Quedan { $count } códigos de recuperación.
    }
remove = Quitar
add-app = Añadir una aplicación que muestre códigos
add-passkey = Añadir una llave de acceso
new-codes = Crear nuevos códigos de recuperación
change-blocked = Para cambiar algo aquí, inicie sesión en el campus, use un navegador que haya usado aquí desde hace al menos un día o pida un código al servicio de ayuda.
change-confirm = Para cambiar algo aquí, confirme primero que es usted.
use-helpdesk-code = Tengo un código del servicio de ayuda
changed = Hecho.
not-changed = No se hizo. Inténtelo de nuevo.
app-title = Añadir una aplicación que muestre códigos
app-scan = Abra en su teléfono una aplicación de códigos, por ejemplo la que ya tiene para contraseñas, y escanee esta imagen.
app-picture = Imagen para escanear con la aplicación
app-secret = Si no puede escanearla, escriba esta clave en la aplicación:
app-code = Después escriba las seis cifras que muestra la aplicación.
name-label = Un nombre, para reconocerlo más tarde
name-app = Mi teléfono
name-passkey = Mi llave de acceso
add = Añadir
cancel = Cancelar
passkey-title = Añadir una llave de acceso
passkey-text = Una llave de acceso está en su teléfono, ordenador o llave de seguridad y se desbloquea con el dedo, la cara o el PIN. Es la forma más segura: ninguna página falsa puede quitársela.
codes-title = Sus códigos de recuperación
codes-text = Imprímalos o anótelos y guárdelos aparte de su contraseña. Cada uno sirve una vez, para el día en que pierda el teléfono. No se volverán a mostrar.

held-title = Su mensaje espera
held-text = Ha confirmado que es usted. Su mensaje todavía no se ha enviado.
held-send = Continuar con él
held-done-title = Este mensaje ya se envió o se está enviando
held-done-text = No hay nada más que hacer. Si tiene dudas, mire en la carpeta de enviados.

factor-other_address = Código a otra dirección
hint-other_address = Enviamos seis cifras a otra dirección suya.
label-other_address = El código que enviamos
send-code = Enviar un código
code-sent = El código está en camino. Vale diez minutos; mire también en la carpeta de correo no deseado.
code-not-sent = No se pudo enviar el código. Inténtelo más tarde o elija otra forma.
too-many-letters = Ya se enviaron demasiados códigos. Espere una hora o elija otra forma.
add-address = Añadir otra dirección
address-title = Añadir otra dirección
address-text = Una dirección suya en otro sitio, no aquí. Allí van los códigos cuando un inicio de sesión parece inusual, y los avisos sobre su cuenta.
address-label = Su otra dirección
address-own = Esto no es una dirección de correo, o pertenece a este buzón. Use una de otro sitio.
letter-code-subject = Su código para { $site }
letter-code = Su código es { $code }. Vale diez minutos. Si no lo pidió, alguien conoce su contraseña: cámbiela enseguida.
letter-notice-subject = Novedades de su cuenta en { $site }
letter-changed = Se cambió con qué demuestra que es usted.
letter-new = Alguien inició sesión con un navegador o desde un país nuevo para su cuenta.
letter-not-you = Si no fue usted, abra esta página y cambie su contraseña:

# The page that asks for a new password.
password-title = Elija una contraseña nueva
password-breached = La contraseña que acaba de usar figura en una lista de contraseñas robadas que los ladrones prueban en todas partes. Quizá se conoció en otro sitio donde también la usa.
password-weak = La contraseña que acaba de usar es fácil de adivinar.
password-by = Cámbiela antes del { $date }. Después podrá leer su correo aquí, pero no enviar nada hasta que la cambie.
password-now = El plazo ha terminado. Hasta que cambie la contraseña podrá leer su correo aquí, pero no enviar ni cambiar ajustes.
password-then = Cuando la haya cambiado allí, vuelva a iniciar sesión aquí con la nueva.
password-change = Cambiar la contraseña
later = Más tarde
password-read = Leer mi correo

# Confirming from campus: what is shown where it is asked, and on the person's page there.
factor-campus = Confirmación desde el campus
hint-campus = Alguien que tiene abierta su cuenta en el campus, usted o una persona de confianza en su mesa, confirma que es usted.
label-campus = Número
campus-open = En un webmail abierto en el campus, vaya a { $address } y escriba allí este número. Tiene cinco minutos.
campus-done = Ya está confirmado allí: continuar
campus-not-yet = Todavía no está confirmado. Escriba primero el número en el campus.
campus-too-many = Se ha pedido demasiadas veces. Espere una hora o elija otra forma.
campus-title = ¿Es usted, en otro lugar?
campus-text = Alguien que conoce su contraseña inicia sesión desde aquí y pide su confirmación:
campus-label = Si es usted: el número que se muestra allí
campus-else = Si no es usted, no escriba nada: quien sea se queda fuera. Cambie su contraseña.
campus-confirmed = Confirmado. Pulse «continuar» en la otra pantalla.
campus-wrong = Ese no es el número que se muestra allí.
campus-gone = Ya nadie espera una confirmación. Si era usted, pídala de nuevo.

# The page that invites to set up a second proof.
invite-title = Un minuto que protege su cuenta
invite-text = Las contraseñas se roban. Con una aplicación en su teléfono o una llave de acceso puede demostrar que es usted, por ejemplo de viaje, y nadie más entra solo con su contraseña. Configurarlo lleva un minuto.
invite-button = Configurar
not-now = Ahora no

# Where codes may go to a telephone too.
address-text-or-telephone = Una dirección de correo suya en otro sitio, no aquí, o el número de su móvil con el prefijo del país, por ejemplo +49 151 12345678. Allí van los códigos cuando un inicio de sesión parece inusual; los avisos sobre su cuenta van a direcciones de correo.
address-label-or-telephone = Su otra dirección o número de teléfono
address-own-or-telephone = No es una dirección de correo en otro sitio ni un número de teléfono que empiece por + y el prefijo del país.

# Where a request is not answered by the webmail: in the webmail's own page or in one of ours.
sign-in = Iniciar sesión
seconds =
    { $count ->
        [one] { $count } segundo
       *[other] { $count } segundos
    }
minutes =
    { $count ->
        [one] { $count } minuto
       *[other] { $count } minutos
    }
hours =
    { $count ->
        [one] { $count } hora
       *[other] { $count } horas
    }
refused-title-odd = No se puede entender esta petición
refused-odd = Contiene algo que un navegador no envía. Si le trajo aquí una página del webmail, indique el código de referencia al servicio de asistencia.
refused-title-nowhere = Aquí no hay nada
refused-nowhere = Esta dirección no existe.
refused-odd-method = Al webmail se le pregunta de otra forma.
refused-odd-encoding = Los formularios se aceptan tal cual, sin comprimir.
refused-title-large = Es demasiado grande
refused-large = El archivo o mensaje es mayor de lo que acepta este webmail.
refused-title-slow = La conexión es demasiado lenta
refused-slow = La petición no llegó a tiempo. No se ha cambiado nada; inténtelo de nuevo.
refused-title-busy = Demasiado ocupado en este momento
refused-busy = Llegan demasiados mensajes grandes a la vez. No se ha cambiado nada; inténtelo de nuevo en un momento.
refused-title-flood = Demasiadas peticiones
refused-flood = De su red llegaron muchas más peticiones de las que hacen las personas. Espere un momento.
refused-title-held-too-long = Su mensaje esperó demasiado
refused-held-too-long = No se envió porque había pasado demasiado tiempo. Sigue aquí: puede enviarlo ahora.
refused-title-held-uncertain = No es seguro que su mensaje se haya enviado
refused-held-uncertain = El envío se interrumpió. Mire en la carpeta de enviados antes de enviarlo de nuevo.
refused-title-upstream = El webmail no responde
refused-upstream = El webmail de esta dirección no funciona en este momento. Su correo está a salvo.
refused-upstream-not-sent = Su mensaje no se envió; sigue aquí. Inténtelo de nuevo en unos minutos.
refused-upstream-uncertain = No es seguro que su mensaje se haya enviado: mire en la carpeta de enviados antes de enviarlo de nuevo.
refused-upstream-again = Inténtelo de nuevo en unos minutos.
refused-title-limit = Límite de envío alcanzado
refused-limit = Ha alcanzado el límite de envío, por eso este mensaje no se ha enviado. No se ha perdido nada.
refused-limit-by-itself = Se enviará solo dentro de { $wait }.
refused-limit-again = Envíelo de nuevo dentro de { $wait }.
refused-limit-fits =
    { $count ->
        [one] Ahora mismo podría ir a { $count } destinatario.
       *[other] Ahora mismo podría ir a { $count } destinatarios.
    }
refused-limit-never = Tiene más destinatarios de los permitidos en este tiempo ({ $count }). Para escribir a muchas personas, pregunte al servicio de asistencia.
refused-title-recipients = Demasiados destinatarios
refused-recipients = Este mensaje tiene { $asked } destinatarios; un mensaje puede tener { $most }. No se ha enviado, y no se ha perdido nada.
refused-recipients-list = Para escribir a muchas personas, pida una lista de correo al servicio de asistencia.
refused-title-reads = Esta sesión solo puede leer
refused-unlike = Esto no se parece a su forma habitual de escribir; por su seguridad, el mensaje no se ha enviado y esta sesión solo puede leer. No se ha perdido nada.
refused-unlike-you = Si es usted, pregunte al servicio de asistencia: pueden abrirla en el acto.
refused-title-content = Este mensaje no se puede enviar tal como está
refused-content = Este mensaje se parece al correo que otros servidores no aceptan, por eso no se ha enviado. No se ha perdido nada.
refused-content-ask = Si lo ha escrito usted, pregunte al servicio de asistencia.
refused-title-infected = Se ha encontrado un virus
refused-infected = Se ha encontrado un virus en este mensaje o en uno de sus archivos, por eso no se ha enviado. Su texto se conserva: quite el archivo y envíelo de nuevo. Si el archivo es suyo, haga revisar su ordenador.
refused-infected-file = Se ha encontrado un virus en este archivo, por eso no se ha adjuntado. Su mensaje se conserva. Si el archivo es suyo, haga revisar su ordenador.
refused-title-unseen = Inténtelo de nuevo en un minuto
refused-unseen = En este momento no se pueden comprobar los mensajes, por eso este todavía no se ha enviado. No se ha perdido nada; envíelo de nuevo en un minuto.
refused-unseen-file = En este momento no se pueden comprobar los archivos, por eso este no se ha adjuntado. No se ha perdido nada; adjúntelo de nuevo en un minuto.
refused-reads = Por su seguridad, esta sesión puede leer correo pero no hacer esto. No se ha cambiado nada. Pregunte al servicio de asistencia.
refused-title-waits = Desde aquí todavía no
refused-waits = Por su seguridad, esto todavía no es posible desde este navegador; no se ha cambiado nada. Todo lo demás funciona como siempre. Si lo necesita ahora, pregunte al servicio de asistencia.
refused-title-refused = No puede iniciar sesión desde aquí
refused-refused = Este inicio de sesión difiere demasiado de los habituales de esta cuenta. Si es usted, pregunte al servicio de asistencia.
refused-title-attempts = Espere antes de iniciar sesión
refused-attempts = Hubo demasiados intentos fallidos de iniciar sesión.
refused-attempts-wait = Espere { $wait } y vuelva a intentarlo.
refused-attempts-forgotten = Si no recuerda su contraseña, el servicio de asistencia puede poner una nueva.
refused-title-locked = Esta cuenta está bloqueada
refused-locked-send = Su cuenta está bloqueada, por eso este mensaje no se ha enviado. Pregunte al servicio de asistencia.
refused-locked = Un administrador ha bloqueado esta cuenta. Pregunte al servicio de asistencia; pueden decirle por qué y volver a abrirla.
refused-title-password = Cambie primero su contraseña
refused-password = Su contraseña no es segura y ya tendría que haberse cambiado, por eso no se ha hecho. Cámbiela en los ajustes y podrá continuar. No se ha perdido nada.
refused-prove-send = Confirme que es usted. Su mensaje todavía no se ha enviado, y no se ha perdido nada.
refused-prove = Confirme que es usted antes de continuar.
refused-title-again = Vuelva a iniciar sesión
refused-again = Esta sesión ha terminado. Vuelva a iniciar sesión; lo que escribió se conserva.
refused-title-fault = No es posible en este momento
refused-fault-nothing-lost = No se puede hacer en este momento por un fallo nuestro. No se ha perdido nada; inténtelo de nuevo en un minuto.
back-not-sent = Su mensaje todavía no se ha enviado
back-not-saved = Su borrador todavía no se ha guardado
back-still-here = Su mensaje sigue aquí
back-kept = Lo que escribió se conserva en esta página. Déjela abierta hasta que lo haya intentado de nuevo.
back-file = El archivo que había elegido no se conserva.
back-file-how = Todavía no estaba añadido al mensaje. Si debe ir con él, vuelva atrás, añádalo con «Añadir» y envíelo entonces.
back-sign-in = Iniciar sesión en una ventana nueva
back-prove = Confirmar en una ventana nueva que es usted
back-then = Después vuelva aquí e inténtelo de nuevo.
try-again = Intentar de nuevo
