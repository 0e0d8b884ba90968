# Phrases lues sur WhatsApp. Un bouton tient 20 caractères, une ligne de liste 24.

# Menu
menu-open = Choisir
menu-projects = Mes chantiers
menu-projects-hint = Vos chantiers et leur avancement
menu-tasks = Mes tâches
menu-tasks-hint = Ce qui vous reste à faire
menu-help = Aide
menu-help-hint = Ce que je peux faire pour vous
menu-human = Parler à quelqu'un
menu-human-hint = Une personne du bureau
menu-menu = Menu
menu-back = Retour à l'assistant
menu-more = Suite…
menu-more-hint = { $left ->
    [one] encore { $left }
   *[other] encore { $left }
}

# Accueil
greeting = Bonjour { $name } !
greeting-nameless = Bonjour !
introduction = Je suis l'assistant automatique de votre chantier : je connais vos chantiers, vos tâches et vos plans.
menu-body = De quoi avez-vous besoin ?

# Chantiers
projects-title = *Vos chantiers*
projects-page = *Vos chantiers* ({ $first } à { $last } sur { $total })
projects-none = Vous n'êtes encore sur aucun chantier. Le bureau peut vous ajouter.
project-line = { $open ->
    [0] Rien à faire
    [one] { $open } tâche ouverte
   *[other] { $open } tâches ouvertes
}
project-gone = Je ne trouve pas ce chantier parmi les vôtres. Voici ceux que vous avez.
project-plans = Plans et documents
project-plans-hint = { $count ->
    [one] { $count } fichier du chantier
   *[other] { $count } fichiers du chantier
}

# Tâches
tasks-mine = *Vos tâches ouvertes*
tasks-page = { $title } ({ $first } à { $last } sur { $total })
tasks-none = Vous n'avez aucune tâche ouverte. Bravo !
tasks-none-of = { $project } n'a pas encore de tâches.
task-line = { $status }, { $due }
task-gone = Je ne trouve plus cette tâche parmi les vôtres. Voici celles qui sont ouvertes.
status-open = Pas commencée
status-in_progress = Faite à { $progress } %
status-blocked = Bloquée à { $progress } %
status-done = Terminée
due-on = pour le { $date }
due-none = sans échéance
due-late = { $days ->
    [one] { $days } jour de retard
   *[other] { $days } jours de retard
}
due-today = pour aujourd'hui
task-project = Chantier : { $project }
task-status = État : { $status }
task-plans = Plans et photos
task-list = Toutes les tâches

# Plans et photos
plans-title = Plans et photos : { $title }
plans-none = Il n'y a ni plan ni photo pour cela.
plan-open = Ouvrir
plan-gone = Je ne trouve plus ce fichier.
plan-task = Retour à la tâche

# Merci
thanks = Je vous en prie. Autre chose ?

# Aide
help = Je peux montrer vos chantiers, vos tâches, et les plans et photos d'une tâche. Touchez un bouton ou écrivez quelques mots, par exemple « mes tâches ». Pour parler à quelqu'un, écrivez « humain ».

# Une personne
human-open = J'ai prévenu le bureau. Quelqu'un va vous écrire ici. Ce que vous envoyez d'ici là lui est gardé.
human-closed = J'ai prévenu le bureau. Il est fermé et rouvre { $when }. Quelqu'un va vous écrire ici. Ce que vous envoyez d'ici là lui est gardé.
human-already = Le bureau sait que vous attendez. Quelqu'un va vous écrire ici.
human-kept = C'est gardé pour le bureau. Quelqu'un va vous écrire ici.
human-back = L'assistant est de retour. De quoi avez-vous besoin ?
opening-today = aujourd'hui à { $time }
opening-tomorrow = demain à { $time }
opening-day = { $day } à { $time }

# Ce qui reste sans réponse
unclear = Je n'ai pas compris. Voici ce que je peux faire.
unavailable = Je ne peux pas répondre aux questions libres pour le moment. Voici ce que je peux faire ; une personne est à une touche d'ici.
empty = Votre message était vide. De quoi avez-vous besoin ?
kind-unsupported = Pour l'instant, je ne lis que le texte et les touches. Votre message est gardé. De quoi avez-vous besoin ?
apology = Désolé, quelque chose a mal tourné de notre côté. J'ai prévenu le bureau ; quelqu'un va vous écrire ici.

# Personnes encore inconnues
pending = Bonjour ! Ici l'assistant automatique d'une entreprise de bâtiment. Je ne connais pas encore votre numéro et ne peux donc rien vous montrer. Le bureau va regarder.
