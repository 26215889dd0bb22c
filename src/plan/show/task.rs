//! A task of the physical plan, in words.

/// What will run: a reader with its workers, a stateful operator, or a writer, and what is chained behind it.
pub struct Task {
    /// Unique: the path of the node, and where it is laid out as several tasks, what this one does.
    pub id: String,
    /// Path of the node.
    pub node: String,
    /// `source`, `operator` or `sink`.
    pub kind: &'static str,
    pub parallelism: usize,
    /// What it does, how often, and how it puts its inputs in order.
    pub head: String,
    pub details: Vec<String>,
    /// What is chained behind it and where its rows go, as a tree.
    pub tree: Vec<String>,
    /// The chained operators: the path of the node and what it does.
    pub chain: Vec<(String, String)>,
    pub exits: Vec<Exit>,
    /// Of a sink.
    pub order: Option<&'static str>,
    pub guarantees: Vec<String>,
}

/// Where rows leave a task.
pub struct Exit {
    /// The task's `id`.
    pub to: String,
    /// `forward`, `single` or `hash`.
    pub exchange: &'static str,
    /// Columns of a hash.
    pub by: Vec<String>,
}

/// Task by task, as text.
pub fn draw(tasks: &[Task]) -> String {
    let mut out = String::new();
    for task in tasks {
        out.push_str(&format!("  {}: {}\n", task.node, task.head));
        task.details.iter().chain(&task.tree).for_each(|line| out.push_str(&format!("    {line}\n")));
    }
    out
}
