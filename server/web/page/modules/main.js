// Shows that the server answers.
const answer = await fetch('/health/live');
document.getElementById('version').textContent = answer.ok ? 'The server answers.' : 'The server does not answer.';
