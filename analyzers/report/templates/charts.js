// Draws each chart in its place. Colours are names of style.css, so that dark and print need no drawing anew; expressions
// are interpreted, never made into code, so that the page needs no right to do that.
const options = {actions: false, renderer: "svg", ast: true, tooltip: {disableDefaultStyle: true}};
for (const place of document.querySelectorAll("[data-chart]")) {
  const spec = JSON.parse(document.getElementById(place.dataset.chart).textContent);
  vegaEmbed(place, spec, options)
    .then(() => {
      // The place says what the chart shows; its hundred marks would say it again, one by one.
      place.querySelector("svg").setAttribute("aria-hidden", "true");
      place.dataset.drawn = "yes";
    })
    .catch((error) => {
      place.textContent = `This chart cannot be drawn (${error.message}); its numbers are in the table below it.`;
      console.error(error);
    });
}
