// Shows the trainings that wait or run, and asks for news: often while one runs, seldom otherwise.
"use strict";
(() => {
  const panel = document.querySelector("[data-training-progress]");
  if (!panel) return;
  const list = panel.querySelector("[data-training-list]");
  const none = panel.querySelector("[data-training-none]");
  const OFTEN = 2000;
  const SELDOM = 15000;
  let live;

  const minutes = (seconds) => (seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`);

  const words = (training) => {
    const parts = [`Version ${training.version}: ${training.status}`];
    if (training.stage) parts.push(training.stage);
    parts.push(`${training.percent}%`);
    if (training.seconds !== null) parts.push(`for ${minutes(training.seconds)}`);
    if (training.remaining_seconds === 0) parts.push("longer than usual");
    else if (training.remaining_seconds !== null) parts.push(`about ${minutes(training.remaining_seconds)} left`);
    if (training.attempts > 1) parts.push(`attempt ${training.attempts}`);
    if (training.heartbeat_seconds > 60) parts.push(`no sign of life for ${minutes(training.heartbeat_seconds)}`);
    if (training.not_before) parts.push(`not before ${new Date(training.not_before).toLocaleTimeString()}`);
    return parts.join(", ");
  };

  const line = (training) => {
    const item = document.createElement("li");
    const bar = document.createElement("progress");
    bar.max = 100;
    bar.value = training.percent;
    bar.setAttribute("aria-label", `Version ${training.version}`);
    item.append(bar, ` ${words(training)}`);
    if (training.error) {
      const error = document.createElement("div");
      error.className = "quiet";
      error.textContent = training.error;
      item.append(error);
    }
    return item;
  };

  const show = (news) => {
    list.replaceChildren(...news.trainings.map(line));
    none.hidden = news.trainings.length > 0;
    if (live !== undefined && live !== news.live) {
      none.hidden = false;
      none.textContent = `Version ${news.live} is live now. Reload the page to see it below.`;
    }
    live = news.live;
    return news.trainings.length > 0;
  };

  const ask = async () => {
    let pause = SELDOM;
    if (!document.hidden) {
      try {
        const answer = await fetch(panel.dataset.trainingProgress, { headers: { Accept: "application/json" } });
        if (!answer.ok || answer.redirected) return; // Signed out.
        if (show(await answer.json())) pause = OFTEN;
      } catch {
        // The server is away for a moment; the next question may reach it.
      }
    }
    setTimeout(ask, pause);
  };
  ask();
})();
