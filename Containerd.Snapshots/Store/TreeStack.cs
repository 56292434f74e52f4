namespace Containerd.Snapshots;

/// <summary>The trees that make up what a snapshot shows.</summary>
/// <param name="Root">The store's directory.</param>
/// <param name="Kind">Active or view.</param>
/// <param name="Own">Its own tree; null for a view of its parent.</param>
/// <param name="Parents">The trees beneath, topmost first.</param>
/// <param name="Mappings">Whose IDs the mounts show.</param>
internal sealed record TreeStack(string Root, SnapshotKind Kind, TreeRecord? Own, IReadOnlyList<TreeRecord> Parents, IdMappings Mappings)
{
    public string FilesOf(TreeRecord tree) => TreePlace.FilesOf(tree.Place ?? Root, tree.Id);

    public string WorkOf(TreeRecord tree) => TreePlace.WorkOf(tree.Place ?? Root, tree.Id);
}
