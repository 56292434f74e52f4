using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

/// <summary>How a snapshotter makes, shows and deletes trees. Everything else is the same for all: <see cref="LocalSnapshotter"/>.</summary>
/// <remarks>A driver keeps nothing in memory that is not constant: any process may continue what another has begun.</remarks>
internal abstract class TreeDriver
{
    /// <summary>The name of the snapshotter.</summary>
    public abstract string Name { get; }

    public abstract SnapshotterCapabilities Capabilities { get; }

    /// <summary>
    /// Whether a tree holds only what its snapshot changes, and is stacked on those beneath. Then one tree serves every chain with that layer.
    /// </summary>
    public abstract bool Stacks { get; }

    /// <summary>Whether mounts leave it to the commit to flush what is written, so that an active tree does not survive a crash of the machine.</summary>
    public virtual bool IsVolatile => false;

    /// <summary>Tries out whether the driver works.</summary>
    /// <param name="directory">An empty directory on the file system in question, to be filled.</param>
    /// <exception cref="ContainerdException">It does not; the message says why.</exception>
    public abstract void Probe(string directory);

    /// <summary>Makes a tree in the directory <c>layers/ID</c>, which exists and is empty.</summary>
    /// <exception cref="ContainerdException">It could not be made; the caller discards what there is of it.</exception>
    public abstract void Make(TreePlace place, long id, NewTree tree, CancellationToken cancellationToken);

    /// <summary>The mounts that show a snapshot.</summary>
    public abstract IReadOnlyList<Mount> Mounts(TreeStack stack);

    /// <summary>Makes sure that the mounts of an active tree, which was mounted before, can be made again.</summary>
    public virtual void Revive(string place, long id)
    {
    }

    /// <summary>Fits a tree that was prepared with nothing beneath it onto a parent. Can be repeated, also for another parent.</summary>
    /// <param name="tree">The tree, which is told what is about to be changed, so that the caller can undo it.</param>
    /// <param name="parents">The directories of the trees beneath, topmost first.</param>
    /// <param name="cancellationToken">Stops between two directories.</param>
    public virtual void Rebase(FittedTree tree, IReadOnlyList<string> parents, CancellationToken cancellationToken) =>
        throw new InvalidOperationException($"The {Name} snapshotter cannot rebase.");

    /// <summary>Measures a tree.</summary>
    /// <param name="files">The tree.</param>
    /// <param name="parent">The tree of its parent, for drivers whose trees begin as that; null without one.</param>
    /// <param name="progress">Told the entries seen so far.</param>
    /// <param name="cancellationToken">Stops between two directories.</param>
    public abstract TreeMeasure Measure(string files, string? parent, IProgress<SnapshotProgress>? progress, CancellationToken cancellationToken);

    /// <summary>Called when a tree has been committed: nothing may write to it from now on. May be left out by a process that is killed.</summary>
    public virtual void Seal(TreePlace place, long id)
    {
    }

    /// <summary>Deletes the directory of a tree with everything in it. One that is missing is no error.</summary>
    public virtual void Delete(SafeFileHandle parent, string name, string path, CancellationToken cancellationToken) =>
        TreeRemoval.Remove(parent, name, path, cancellationToken, protectedToo: true);
}
