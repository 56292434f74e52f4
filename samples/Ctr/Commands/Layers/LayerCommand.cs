using System.CommandLine;

namespace Ctr.Commands;

internal static class LayerCommand
{
    public static Command Create() => new("layer", "Turns layers into trees, and trees into layers.") { LayerApplyCommand.Create(), LayerDiffCommand.Create() };
}
