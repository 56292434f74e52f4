using System.Collections.Immutable;
using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>Trees as upper directories of overlays.</summary>
internal sealed class OverlayDriver : TreeDriver
{
    private const int FileMode = 0x1ED; // 0755, S-17
    private const int WorkMode = 0x1C9; // 0711

    private readonly ImmutableArray<string> _options;
    private readonly OverlayAttributes _attributes;
    private readonly LinuxMounter _mounter;
    private SnapshotterCapabilities? _capabilities;

    private OverlayDriver(ImmutableArray<string> options, LinuxMounter mounter)
    {
        _options = options;
        _mounter = mounter;
        _attributes = new OverlayAttributes(options.Contains("userxattr"));
        IsVolatile = options.Contains("volatile") || options.Contains("fsync=volatile");
    }

    public override string Name => "overlay";

    public override SnapshotterCapabilities Capabilities => _capabilities ?? SnapshotterCapabilities.None;

    public override bool Stacks => true;

    public override bool IsVolatile { get; }

    public static OverlayDriver Create(OverlaySnapshotterOptions options, TimeProvider? timeProvider)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new OverlayDriver(OverlayEnvironment.OptionsFor(options.Root, options.MountOptions), new LinuxMounter(timeProvider: timeProvider));
    }

    public override void Probe(string directory)
    {
        OverlayEnvironment.Probe(_mounter, directory, _options);
        // Whiteouts of layers with nothing beneath are made by the applier, and only the initial user namespace makes devices (S-4).
        SnapshotterCapabilities found = UserNamespace.IsInside ? SnapshotterCapabilities.None : SnapshotterCapabilities.Rebase;
        if (OverlayEnvironment.ProbeIdMaps(_mounter, directory, _options) is null)
            found |= SnapshotterCapabilities.RemapIds;
        // Of several directories that trees may lie in, what works in all.
        _capabilities = _capabilities is { } elsewhere ? elsewhere & found : found;
    }

    public override void Make(TreePlace place, long id, NewTree tree, CancellationToken cancellationToken)
    {
        string name = TreePlace.Name(id), files = $"{name}/fs";
        Check(Sys.MakeDirectory(place.Layers, files, FileMode));
        if (tree.IsWritable)
            Check(Sys.MakeDirectory(place.Layers, $"{name}/work", WorkMode));

        int mode = FileMode;
        if (tree.Parent is not null)
        {
            int errno = Sys.Status(null, tree.Parent, out EntryStatus status);
            if (errno != 0)
                throw Failure("Reading the owner of the parent's tree", tree.Parent, errno);
            Check(Sys.SetOwner(place.Layers, files, status.UserId, status.GroupId));
            mode = status.Permissions;
        }
        // After the owner, as changing that clears set-id bits; and in any case, as the umask has had its way with mkdir.
        Check(Sys.SetMode(place.Layers, files, mode));

        void Check(int errno)
        {
            if (errno != 0)
                throw Failure("Making the tree", place.FilesOf(id), errno);
        }
    }

    public override IReadOnlyList<Mount> Mounts(TreeStack stack) => OverlayMounts.Of(stack, _options);

    // What a volatile mount has left says that the upper directory may not be whole. It is, as long as the machine runs (M-16).
    public override void Revive(string place, long id)
    {
        string work = $"{TreePlace.WorkOf(place, id)}/work";
        using SafeFileHandle? directory = Sys.TryOpen(null, work, Sys.ReadDirectoryOnly, out int errno);
        if (directory is not null)
            TreeRemoval.Remove(directory, "incompat", $"{work}/incompat", CancellationToken.None);
        else if (errno != ENOENT) // it was never mounted
            throw Failure("Making it possible to mount again", work, errno);
    }

    public override void Rebase(FittedTree tree, IReadOnlyList<string> parents, CancellationToken cancellationToken) =>
        ImpliedDirectories.Adapt(tree, parents, _attributes, cancellationToken);

    public override TreeMeasure Measure(string files, string? parent, IProgress<SnapshotProgress>? progress, CancellationToken cancellationToken) =>
        TreeMeasure.Take(files, _attributes, progress, cancellationToken);
}
