namespace Containerd.Execution;

internal enum StdioKind
{
    Null,
    Inherit,
    Pipe,
    File,
}
