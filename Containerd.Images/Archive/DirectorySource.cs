using System.IO.Abstractions;

namespace Containerd.Images;

/// <summary>An image layout in a directory.</summary>
internal sealed class DirectorySource(string path, IFileSystem files) : ArchiveSource
{
    public override string Description => $"the image layout '{Excerpt.Of(path)}'";

    // Names are constants or made of a parsed digest: none has a parent or root in it.
    public override Stream? Open(string name)
    {
        string member = Path.Join(path, name);
        return files.File.Exists(member)
            ? files.FileStream.New(member, new FileStreamOptions { Mode = FileMode.Open, Access = FileAccess.Read, Share = FileShare.Read | FileShare.Delete, BufferSize = 0 })
            : null;
    }
}
