# Sentences that people read on WhatsApp. Titles of buttons hold 20 characters, of list rows 24.

# Menu
menu-open = Choose
menu-projects = My projects
menu-projects-hint = Your sites and how they stand
menu-tasks = My tasks
menu-tasks-hint = What is yours and still open
menu-help = Help
menu-help-hint = What I can do for you
menu-human = Speak with a human
menu-human-hint = Someone from the office
menu-menu = Menu
menu-back = Back to assistant
menu-more = More…
menu-more-hint = { $left ->
    [one] { $left } more
   *[other] { $left } more
}

# Greeting
greeting = Hello { $name }!
greeting-nameless = Hello!
introduction = I am your site's automated assistant: I know your projects, tasks and plans.
menu-body = What do you need?

# Projects
projects-title = *Your projects*
projects-page = *Your projects* ({ $first }–{ $last } of { $total })
projects-none = You are not on any project yet. The office can add you.
project-line = { $open ->
    [0] Nothing open
    [one] { $open } open task
   *[other] { $open } open tasks
}
project-gone = I cannot find that project among yours. Here are the ones that are.
project-plans = Plans and papers
project-plans-hint = { $count ->
    [one] { $count } file of the project
   *[other] { $count } files of the project
}

# Tasks
tasks-mine = *Your open tasks*
tasks-page = { $title } ({ $first }–{ $last } of { $total })
tasks-none = You have no open tasks. Well done!
tasks-none-of = { $project } has no tasks yet.
task-line = { $status }, { $due }
task-gone = I cannot find that task among yours any more. Here are your open ones.
status-open = Not started
status-in_progress = { $progress } % done
status-blocked = Blocked at { $progress } %
status-done = Done
due-on = due { $date }
due-none = no due date
due-late = { $days ->
    [one] { $days } day late
   *[other] { $days } days late
}
due-today = due today
task-project = Project: { $project }
task-status = Status: { $status }
task-plans = Plans and photos
task-list = All tasks

# Plans and photos
plans-title = Plans and photos: { $title }
plans-none = There are no plans or photos for this.
plan-open = Open
plan-gone = I cannot find that file any more.
plan-task = Back to the task

# Thanks
thanks = You are welcome. Anything else?

# Help
help = I can show you your projects, your tasks and the plans and photos of a task. Tap, or write a few words such as “my tasks”. To speak with a human, write “human”.

# A human
human-open = I have told the office. Someone will write to you here. What you send until then is kept for them.
human-closed = I have told the office. It is closed now and is back { $when }. Someone will write to you here. What you send until then is kept for them.
human-already = The office knows that you are waiting. Someone will write to you here.
human-kept = I have kept that for the office. Someone will write to you here.
human-back = The assistant is back. What do you need?
opening-today = today at { $time }
opening-tomorrow = tomorrow at { $time }
opening-day = on { $day } at { $time }

# What cannot be answered
unclear = I did not understand that. Here is what I can do.
unavailable = I cannot answer free questions at the moment. Here is what I can do, and a human is one tap away.
empty = Your message was empty. What do you need?
kind-unsupported = I can read text and taps only, for now. Your message is kept. What do you need?
apology = Sorry, something went wrong on our side. I have told the office; someone will write to you here.

# People who are not known yet
pending = Hello! This is the automated assistant of a building company. I do not know your number yet, so I cannot show you anything. The office will look at it.
