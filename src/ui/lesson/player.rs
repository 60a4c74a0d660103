//! The player: the step's text, its prediction, and the way on and back.

use super::text::{blocks, inlines};
use crate::host::protocol::LessonCommand;
use crate::lesson::view::{LessonState, Question};
use crate::ui::context::{Ui, use_ui};
use crate::ui::icon::Icon;
use yew::prelude::*;

/// The lesson.
#[derive(Properties, PartialEq)]
pub struct PlayerProps {
    /// The lesson at its step.
    pub lesson: LessonState,
}

/// The player.
#[component]
pub fn Player(props: &PlayerProps) -> Html {
    let ui = use_ui();
    let lesson = &props.lesson;
    let command = |command: LessonCommand| {
        let ui = ui.clone();
        Callback::from(move |_: MouseEvent| ui.conductor.lesson(command))
    };
    let steps = (0..lesson.steps).map(|step| {
        let class = match step {
            step if step == lesson.step => "here",
            step if step > lesson.step => "next",
            _ => "",
        };
        let current = (step == lesson.step).then_some("step");
        html! { <li key={step} {class} aria-current={current}>{ step + 1 }</li> }
    });
    html! {
        <aside class="side l lesson" aria-label="Lesson">
            <div class="lessonhead"><h1>{ lesson.title.clone() }</h1>
                <ol class="steps" aria-label={format!("Step {} of {}", lesson.step + 1, lesson.steps)}>{ for steps }</ol></div>
            <div class="prose" aria-live="polite" key={lesson.step}>
                if !lesson.step_title.is_empty() { <h2>{ lesson.step_title.clone() }</h2> }
                { blocks(&lesson.text) }
                if let Some(waiting) = &lesson.waiting_for {
                    <p class="waiting" role="status"><Icon name="wait" />{ format!(" {waiting}") }</p>
                }
            </div>
            if let Some(question) = &lesson.question {
                <Prediction key={format!("{}-{}", lesson.name, lesson.step)} question={question.clone()} />
            }
            <nav class="nav" aria-label="Lesson steps">
                <button type="button" class="btn line" disabled={!lesson.may_go_back} onclick={command(LessonCommand::Back)}>
                    <Icon name="left" />{ "Back" }</button>
                <span class="grow"></span>
                <button type="button" class="btn under" onclick={command(LessonCommand::TakeOver)}>{ "Take over" }</button>
                <button type="button" class="btn solid" disabled={!lesson.may_go_on} onclick={command(LessonCommand::Next)}>
                    { "Next" }<Icon name="right" /></button>
            </nav>
        </aside>
    }
}

#[derive(Properties, PartialEq)]
struct PredictionProps {
    question: Question,
}

#[component]
fn Prediction(props: &PredictionProps) -> Html {
    let ui = use_ui();
    let chosen = use_state(|| None::<u32>);
    let question = &props.question;
    if let Some(answered) = &question.answered {
        let right = answered.chosen == answered.right;
        let option = question.options.get(answered.right as usize);
        return html! {
            <section class="answer" aria-label="Prediction">
                <h2><Icon name={if right { "tick" } else { "x" }} />
                    { if right { "You predicted this" } else { "It went another way" } }</h2>
                if !right { if let Some(option) = option { <p><b>{ inlines(option) }</b></p> } }
                <p>{ inlines(&answered.why) }</p>
            </section>
        };
    }
    let options = question.options.iter().enumerate().map(|(at, option)| {
        let number = at as u32;
        let is_on = *chosen == Some(number);
        let set = chosen.clone();
        let onclick = Callback::from(move |_: MouseEvent| set.set(Some(number)));
        html! {
            <label key={at} class={classes!("opt", is_on.then_some("on"))}>
                <input type="radio" name="prediction" checked={is_on} {onclick} /><span>{ inlines(option) }</span>
            </label>
        }
    });
    html! {
        <section class="predict" aria-label="Prediction"><h2>{ "Predict" }<span>{ "before you go on" }</span></h2>
            <div class="q" id="question">{ inlines(&question.text) }</div>
            <div role="radiogroup" aria-labelledby="question">{ for options }</div>
            <div class="act"><button type="button" class="btn solid" disabled={chosen.is_none()}
                onclick={lock_in(&ui, *chosen)}>{ "Lock in" }</button></div>
        </section>
    }
}

fn lock_in(ui: &Ui, chosen: Option<u32>) -> Callback<MouseEvent> {
    let ui = ui.clone();
    Callback::from(move |_: MouseEvent| {
        if let Some(chosen) = chosen {
            ui.conductor.lesson(LessonCommand::Answer(chosen));
        }
    })
}
