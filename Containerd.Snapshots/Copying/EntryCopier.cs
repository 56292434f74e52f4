using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>Copies what is in directories and is none itself. One per thread, since it has buffers.</summary>
internal sealed class EntryCopier(TreeCopy copy)
{
    private readonly FileContent _content = new(copy.Totals, copy.CancellationToken);
    private readonly byte[] _link = new byte[4097]; // linux/limits.h PATH_MAX, and one more

    /// <summary>What sets attributes, with the buffers for it.</summary>
    public AttributeCopy Attributes { get; } = new(copy.Logger, copy.Abilities);

    /// <summary>Copies a regular file.</summary>
    public void CopyFile(SafeFileHandle from, SafeFileHandle to, CopySubject subject)
    {
        using SafeFileHandle source = copy.Source.TryOpenFile(from, subject.TerminatedName, out int errno)
            ?? throw copy.Source.OpenFailure(errno, subject.Directory.Source, subject.TerminatedName);
        subject.CheckSource(Files.Details(source, out FileDetails details), "look at");
        if (!details.Status.IsRegular)
            throw subject.SourceChanged();
        if (details.Links > 1 && TryLink(details, to, subject))
            return;
        using SafeFileHandle target = Create(to, details.Status.Permissions, subject);
        HardLinks.LinkedFile? linked = null;
        try
        {
            if (details.Links > 1)
                linked = Publish(details, target, subject);
            bool isWhole = _content.Copy(source, target, details, copy.Abilities, subject);
            Attributes.Apply(source, target, details, subject, removeOthers: subject.Directory.PassesAcl);
            subject.CheckSource(Files.Details(source, out FileDetails after), "look at");
            if (!isWhole || !details.IsUnchanged(after))
                throw subject.SourceChanged();
            if (linked is not null)
                copy.Links.Complete(linked);
        }
        catch
        {
            // Half a file must not pass for one. What the attempt fails with is told already by what led here.
            List<(DirectoryRef Directory, byte[] TerminatedName)> names = linked is null ? [] : copy.Links.Fail(linked);
            if (Files.Details(target, out FileDetails made).Ok)
            {
                Unlink(to, subject.Name, made.Identity);
                // Only now: with the first name gone another thread that is about to link to it cannot.
                foreach ((DirectoryRef directory, byte[] terminatedName) in names)
                    Unlink(directory, terminatedName.AsSpan()[..^1], made.Identity);
            }
            throw;
        }
        copy.Totals.AddEntry();
    }

    /// <summary>Copies a symbolic link, device, fifo or socket.</summary>
    public void CopyOther(SafeFileHandle from, SafeFileHandle to, CopySubject subject)
    {
        using SafeFileHandle source = CopySide.TryOpenPath(from, subject.TerminatedName, out int errno)
            ?? throw copy.Source.OpenFailure(errno, subject.Directory.Source, subject.TerminatedName);
        subject.CheckSource(Files.Details(source, out FileDetails details), "look at");
        if (details.Status.IsRegular || details.Status.IsDirectory)
            throw subject.SourceChanged();
        if (details.Links > 1 && TryLink(details, to, subject))
            return;
        for (int attempt = 0; ; attempt++)
        {
            FileResult made = Make(source, details.Status, to, subject);
            if (made.Ok)
                break;
            MakeRoom(made, attempt, to, subject);
        }
        using SafeFileHandle target = CopySide.TryOpenPath(to, subject.TerminatedName, out errno)
            ?? throw copy.Destination.OpenFailure(errno, subject.Directory.Destination, subject.TerminatedName);
        subject.CheckDestination(Files.Details(target, out FileDetails found), "look at");
        // It has been without protection between being made and being opened: another name of some other file must not get these attributes.
        if (found.Links != 1 || found.Status.Type != details.Status.Type
            || found.Status.DeviceMajor != details.Status.DeviceMajor || found.Status.DeviceMinor != details.Status.DeviceMinor)
            throw subject.DestinationChanged();
        if (details.Links > 1)
            copy.Links.Complete(Publish(details, target, subject)); // it has no content
        Attributes.ApplyToPath(source, target, details, subject, removeOthers: subject.Directory.PassesAcl);
        copy.Totals.AddEntry();
    }

    private FileResult Make(SafeFileHandle source, in FileStatus status, SafeFileHandle to, CopySubject subject)
    {
        if (!status.IsSymbolicLink)
            return Files.MakeNode(to, subject.Name, status.Type, status.DeviceMajor, status.DeviceMinor);
        subject.CheckSource(Files.ReadLink(source, _link, out int length), "read the link");
        return Files.MakeSymbolicLink(_link.AsSpan(0, length), to, subject.Name);
    }

    private SafeFileHandle Create(SafeFileHandle to, int mode, CopySubject subject)
    {
        for (int attempt = 0; ; attempt++)
        {
            FileResult created = Files.CreateFile(to, subject.Name, mode, out SafeFileHandle target);
            if (created.Ok)
                return target;
            MakeRoom(created, attempt, to, subject);
        }
    }

    /// <summary>False where the file has not been met before, so that its data has to be copied.</summary>
    private bool TryLink(in FileDetails details, SafeFileHandle to, CopySubject subject)
    {
        if (copy.Links.Find(details, subject.Directory, subject.TerminatedName, out bool isUnchanged) is not { } file)
            return false;
        if (!isUnchanged)
            throw subject.SourceChanged();
        try
        {
            Link(file, to, subject);
        }
        catch (ContainerdException) when (copy.Links.HasFailed(file))
        {
            // Its names were removed, which is nobody else's doing: the reason is told by who did it.
            throw new OperationCanceledException();
        }
        copy.Totals.AddEntry();
        return true;
    }

    private void Link(HardLinks.LinkedFile file, SafeFileHandle to, CopySubject subject)
    {
        using DirectoryLease first = file.Directory == subject.Directory.Destination ? new DirectoryLease(to, IsOwned: false) : file.Directory.OpenFromRoot();
        for (int attempt = 0; ; attempt++)
        {
            FileResult linked = Files.MakeLink(first.Handle, file.TerminatedName.AsSpan()[..^1], to, subject.Name);
            if (linked.Ok)
                break;
            MakeRoom(linked, attempt, to, subject);
        }
        subject.CheckDestination(Files.Status(to, subject.Name, out FileStatus made), "look at");
        if (new FileIdentity(made.Device, made.Inode) != file.Made)
            throw subject.DestinationChanged();
    }

    /// <summary>Removes a name of a file that is not whole, unless it is something else's by now.</summary>
    private static void Unlink(SafeFileHandle directory, ReadOnlySpan<byte> name, FileIdentity made)
    {
        if (Files.Status(directory, name, out FileStatus found).Ok && new FileIdentity(found.Device, found.Inode) == made)
            _ = Files.Unlink(directory, name);
    }

    private static void Unlink(DirectoryRef directory, ReadOnlySpan<byte> name, FileIdentity made)
    {
        try
        {
            using DirectoryLease lease = directory.OpenFromRoot();
            Unlink(lease.Handle, name, made);
        }
        catch (ContainerdException)
        {
            // The directory was moved or replaced meanwhile. What the copy fails with is told by what led here.
        }
    }

    private HardLinks.LinkedFile Publish(in FileDetails details, SafeFileHandle target, CopySubject subject)
    {
        subject.CheckDestination(Files.Details(target, out FileDetails made), "look at");
        return copy.Links.Publish(details, made.Identity);
    }

    private void MakeRoom(FileResult result, int attempt, SafeFileHandle to, CopySubject subject)
    {
        if (!result.Exists)
            subject.CheckDestination(result, "make");
        copy.MakeRoom(to, subject, isForDirectory: false, attempt);
    }
}
