"use strict";

// Says in words, below the field, when the chosen crontab runs.
{
  const words = JSON.parse(document.getElementById("readable-crontabs").textContent);
  const choice = document.getElementById("id_crontab");
  const help = document.querySelector(".field-crontab .help");
  const translation = document.querySelector(".field-crontab_translation");
  if (translation) translation.hidden = true;
  if (choice && help) {
    const line = document.createElement("div");
    help.append(line);
    choice.addEventListener("change", () => {
      line.textContent = choice.value in words ? words[choice.value] : "";
    });
  }
}
