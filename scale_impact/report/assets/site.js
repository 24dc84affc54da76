/* Search and filters of the list of studies. Without this file the list is all there, page by page. */
(function () {
  "use strict";
  var found = window.scaleImpactStudies, form = document.getElementById("filters"), list = document.getElementById("studies");
  if (!found || !form || !list) { return; }
  var status = document.getElementById("matches"), more = document.getElementById("more"), pager = document.querySelector(".pager");
  var STEP = 100, shown = STEP, matching = [];

  function plain(text) {
    return text.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
  }
  var texts = found.studies.map(function (study) { return plain(study.text); });
  var cities = found.cities.map(plain);

  function fits(study, k, words, city, chosen) {
    if (!words.every(function (word) {
      return texts[k].indexOf(word) >= 0 || study.cities.some(function (c) { return cities[c].indexOf(word) >= 0; });
    })) { return false; }
    if (!Object.keys(chosen).every(function (name) { return (study.is[name] || []).indexOf(chosen[name]) >= 0; })) { return false; }
    return !city || study.cities.some(function (c) { return cities[c].indexOf(city) >= 0; });
  }
  function choices() {
    var chosen = {};
    form.querySelectorAll("select").forEach(function (box) { if (box.value) { chosen[box.name] = box.value; } });
    return chosen;
  }
  function say(n) {
    return n === 0 ? "No study matches. Take a filter away." : n + " of " + found.studies.length + (found.studies.length === 1 ? " study matches." : " studies match.");
  }
  function show() {
    list.replaceChildren();
    matching.slice(0, shown).forEach(function (study) {
      // the same escaped piece of page that the list has without this script
      list.insertAdjacentHTML("beforeend", study.html);
    });
    more.hidden = matching.length <= shown;
  }
  function apply() {
    var words = plain(form.elements.search.value).split(/\s+/).filter(Boolean), city = plain(form.elements.city.value.trim()), chosen = choices();
    matching = found.studies.filter(function (study, k) { return fits(study, k, words, city, chosen); });
    shown = STEP;
    show();
    status.textContent = say(matching.length);
    remember(chosen);
  }
  function remember(chosen) {
    var kept = new URLSearchParams(chosen);
    ["search", "city"].forEach(function (name) { if (form.elements[name].value) { kept.set(name, form.elements[name].value); } });
    var text = kept.toString();
    history.replaceState(null, "", text ? "#" + text : location.pathname + location.search);
  }
  function recall() {
    new URLSearchParams(location.hash.slice(1)).forEach(function (value, name) {
      var box = form.elements[name];
      if (box && "value" in box) { box.value = value; }
    });
  }
  var waiting = 0;
  form.addEventListener("input", function () { clearTimeout(waiting); waiting = setTimeout(apply, 120); });
  form.addEventListener("submit", function (event) { event.preventDefault(); apply(); });
  form.addEventListener("reset", function () { setTimeout(apply, 0); });
  window.addEventListener("hashchange", function () {
    if (location.hash.indexOf("=") < 0) { return; } // a link within the page, such as the one to its content
    form.reset(); setTimeout(function () { recall(); apply(); }, 0);
  });
  more.addEventListener("click", function () {
    var first = shown;
    shown += STEP;
    show();
    var link = list.children[first] && list.children[first].querySelector("a");
    if (link) { link.focus(); }
  });
  form.hidden = false;
  if (pager) { pager.hidden = true; }
  recall();
  apply();
})();
